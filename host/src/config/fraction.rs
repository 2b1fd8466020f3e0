//! A part of a whole, 0 to 1, as a setting. Pure.
//! Never anything else: what cannot be one is refused when it is read.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A part of a whole.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Fraction(f64);

/// Not a number, so that a value is always equal to itself.
impl Eq for Fraction {}

/// Below 0, above 1, or no number. Its author corrects it.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("a part of a whole is a number from 0 to 1, for example 0.05")]
pub struct NotAFraction;

impl Fraction {
    /// All of it.
    pub const ALL: Self = Self(1.0);

    /// This part of a number.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "0 to 1, so it stays in range; a rounding error is harmless"
    )]
    pub fn of(self, whole: u128) -> u128 {
        (self.0 * whole as f64) as u128
    }
}

impl TryFrom<f64> for Fraction {
    type Error = NotAFraction;

    fn try_from(value: f64) -> Result<Self, NotAFraction> {
        (0.0..=1.0).contains(&value).then_some(Self(value)).ok_or(NotAFraction)
    }
}

impl From<Fraction> for f64 {
    fn from(fraction: Fraction) -> Self {
        fraction.0
    }
}

impl FromStr for Fraction {
    type Err = NotAFraction;

    fn from_str(text: &str) -> Result<Self, NotAFraction> {
        text.parse::<f64>().map_err(|_| NotAFraction)?.try_into()
    }
}

impl fmt::Display for Fraction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_parts_of_a_whole_are_read() {
        for text in ["0", "0.25", "1"] {
            assert_eq!(text.parse::<Fraction>().unwrap().to_string(), text);
        }
        for text in ["", "-0.1", "1.01", "NaN", "inf", "half"] {
            assert!(text.parse::<Fraction>().is_err(), "{text}");
        }
        assert_eq!("0.5".parse::<Fraction>().unwrap().of(1 << 64), 1 << 63);
    }
}
