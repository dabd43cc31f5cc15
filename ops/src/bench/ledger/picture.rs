//! The journal's growth as a picture: an SVG that a page or a README can show.

#![expect(clippy::float_arithmetic, reason = "a picture, where rounding does no harm")]

use std::fmt::Write as _;

use super::figures::Growth;

/// Microseconds per transfer over the number of transfers, which rises tenfold from line to line.
pub(crate) fn draw(all: &[Growth]) -> String {
    let most = all.iter().map(|one| one.us_per_transfer).fold(1.0, f64::max);
    let top = (most / 5.0).ceil() * 5.0;
    let (first, last) = (decade(all.first()).floor(), decade(all.last()).ceil());
    let decades = (last - first).max(1.0);
    let x = |decade: f64| LEFT + (decade - first) / decades * WIDTH;
    let y = |us: f64| TOP + HEIGHT - us / top * HEIGHT;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {:.0} {:.0}\" \
         font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"{LEFT:.0}\" y=\"20\">microseconds per transfer, by transfers in the journal</text>\n",
        LEFT + WIDTH + 30.0,
        TOP + HEIGHT + 40.0,
    );
    let mut line =
        |x1: f64, y1: f64, x2: f64, y2: f64, x: f64, y: f64, anchor: &str, text: &str| {
            // Writing to a string does not fail.
            let _ = writeln!(
                svg,
                "<path d=\"M{x1:.1} {y1:.1}L{x2:.1} {y2:.1}\" stroke=\"#ccc\"/>\
             <text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>"
            );
        };
    for part in [0.0, 0.2, 0.4, 0.6, 0.8, 1.0] {
        let at = y(part * top);
        line(
            LEFT,
            at,
            LEFT + WIDTH,
            at,
            LEFT - 8.0,
            at + 4.0,
            "end",
            &format!("{:.0}", part * top),
        );
    }
    let mut power = first;
    while power <= last {
        let at = x(power);
        let text = format!("10<tspan dy=\"-5\" font-size=\"10\">{power:.0}</tspan>");
        line(at, TOP, at, TOP + HEIGHT, at, TOP + HEIGHT + 22.0, "middle", &text);
        power += 1.0;
    }
    let points = all.iter().map(|one| (x(decade(Some(one))), y(one.us_per_transfer)));
    let path: Vec<String> = points.clone().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    let _ = writeln!(
        svg,
        "<polyline points=\"{}\" fill=\"none\" stroke=\"#1f6feb\" stroke-width=\"2\"/>",
        path.join(" ")
    );
    for (x, y) in points {
        let _ = writeln!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"#1f6feb\"/>");
    }
    svg.push_str("</svg>\n");
    svg
}

#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "no journal is so long that its logarithm would show it"
)]
fn decade(of: Option<&Growth>) -> f64 {
    of.map_or(0.0, |one| (one.transfers.max(1) as f64).log10())
}

const LEFT: f64 = 50.0;
const TOP: f64 = 40.0;
const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 260.0;

#[cfg(test)]
mod tests {
    use super::*;

    /// Every point is drawn, the last one at the right end, the slowest within the frame.
    #[test]
    fn points_are_within_the_frame() {
        let all = [(1_000, 80_000.0), (10_000, 100_000.0), (100_000, 66_000.0)]
            .map(|(transfers, per_s)| Growth::new(transfers, per_s));
        let svg = draw(&all);
        assert_eq!(svg.matches("<circle").count(), 3, "{svg}");
        assert!(svg.contains("cx=\"650.0\" cy=\"103.0\""), "{svg}");
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    }
}
