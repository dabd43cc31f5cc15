use nova_snark::frontend::shape_cs::ShapeCS;
use nova_snark::frontend::{ConstraintSystem, num::AllocatedNum};
use nova_snark::traits::circuit::StepCircuit;
use nova_snark::provider::Bn256EngineKZG;
use super::*;
use crate::history;

#[test]
fn shape_counts() {
    let mut cs = ShapeCS::<Bn256EngineKZG>::new();
    let z: Vec<_> = (0..Z_WORDS).map(|i| AllocatedNum::alloc(cs.namespace(|| format!("z{i}")), || Ok(Scalar::from(0))).unwrap()).collect();
    let t = std::time::Instant::now();
    SettlementStep::default().synthesize(&mut cs, &z).unwrap();
    let nnz: usize = cs.constraints.iter().map(|(a,b,c)| a.len()+b.len()+c.len()).sum();
    println!("constraints {} aux {} nnz {} {:?}", cs.num_constraints(), cs.num_aux(), nnz, t.elapsed());
}

#[test]
fn small_epoch_checks() {
    let plan = crate::plan(&domain::LiquidityState::genesis(), &history::small_epoch(), history::context()).unwrap();
    for step in &plan.steps {
        let t = std::time::Instant::now();
        step.check().unwrap();
        println!("{:?}", t.elapsed());
    }
    println!("steps {}", plan.steps.len());
}
