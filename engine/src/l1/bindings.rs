//! The contracts' ABI and bytecode, read at compile time from the committed artefacts.

alloy::sol!(
    #[sol(rpc, all_derives)]
    Settlement,
    "../contracts/abi/Settlement.json"
);

alloy::sol!(
    #[sol(rpc, all_derives)]
    EpochVerifier,
    "../contracts/abi/EpochVerifier.json"
);

alloy::sol!(
    #[sol(rpc, all_derives)]
    DevelopmentToken,
    "../contracts/abi/DevelopmentToken.json"
);
