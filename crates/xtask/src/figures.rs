//! Statistics of few, noisy numbers.

use serde::Serialize;

/// A sample in short; all in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Summary {
    /// How many measurements.
    pub(crate) count: usize,
    /// The smallest.
    pub(crate) min: f64,
    /// The middle one.
    pub(crate) median: f64,
    /// 99 of 100 are not above it (nearest rank).
    pub(crate) p99: f64,
    /// The largest.
    pub(crate) max: f64,
}

impl Summary {
    /// Of no measurements there is none.
    pub(crate) fn of(mut sample: Vec<f64>) -> Option<Self> {
        sample.sort_by(f64::total_cmp);
        let rank = |part: f64| {
            sample
                .get(((sample.len() as f64 * part).ceil() as usize).saturating_sub(1))
                .copied()
        };
        Some(Self {
            count: sample.len(),
            min: *sample.first()?,
            median: rank(0.5)?,
            p99: rank(0.99)?,
            max: *sample.last()?,
        })
    }
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            count,
            min,
            median,
            p99,
            max,
        } = self;
        write!(
            f,
            "median {median:.1} ms, p99 {p99:.1} ms, min {min:.1} ms, max {max:.1} ms, of {count}"
        )
    }
}

/// The least-squares slope through points `(x, y)`; `None` where `x` does not vary.
pub(crate) fn slope(points: &[(f64, f64)]) -> Option<f64> {
    let n = points.len() as f64;
    let mean_x = points.iter().map(|p| p.0).sum::<f64>() / n;
    let mean_y = points.iter().map(|p| p.1).sum::<f64>() / n;
    let across: f64 = points.iter().map(|p| (p.0 - mean_x) * (p.1 - mean_y)).sum();
    let square: f64 = points.iter().map(|p| (p.0 - mean_x).powi(2)).sum();
    (square > 0.0).then(|| across / square)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_nearest() {
        let summary = Summary::of((1..=100).rev().map(f64::from).collect()).unwrap();
        assert_eq!(
            (summary.min, summary.median, summary.p99, summary.max),
            (1.0, 50.0, 99.0, 100.0)
        );
        assert_eq!(Summary::of(vec![7.0]).unwrap().p99, 7.0);
        assert_eq!(Summary::of(Vec::new()), None);
    }

    #[test]
    fn a_line_has_its_slope() {
        assert_eq!(slope(&[(0.0, 3.0), (10.0, 23.0), (50.0, 103.0)]), Some(2.0));
        assert_eq!(slope(&[(1.0, 1.0), (1.0, 2.0)]), None);
    }
}
