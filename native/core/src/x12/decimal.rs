//! Decimals as X12 writes them, for balances: exact, as millionths in an i128.

/// Enough for 18 digits of money and six decimals.
const SCALE_DIGITS: usize = 6;
const MAX_DIGITS: usize = 30;

/// `-12.5` to -12,500,000; None where it is no decimal or too long to add exactly.
pub fn parse(value: &[u8]) -> Option<i128> {
    let (negative, digits) = match value {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, value),
    };
    let (whole, fraction) = match digits.iter().position(|byte| *byte == b'.') {
        Some(point) => (&digits[..point], &digits[point + 1..]),
        None => (digits, &digits[digits.len()..]),
    };
    if whole.is_empty() && fraction.is_empty() || whole.len() > MAX_DIGITS || fraction.len() > SCALE_DIGITS {
        return None;
    }
    let mut total: i128 = 0;
    for byte in whole.iter().chain(fraction) {
        if !byte.is_ascii_digit() {
            return None;
        }
        total = total * 10 + i128::from(byte - b'0');
    }
    for _ in fraction.len()..SCALE_DIGITS {
        total *= 10;
    }
    Some(if negative { -total } else { total })
}

#[cfg(test)]
mod tests {
    use super::parse;

    /// Every written form of one amount is one number.
    #[test]
    fn equal_amounts_are_equal() {
        let forms: [&[u8]; 4] = [b"12.5", b"12.50", b"012.500", b"12.500000"];

        assert!(forms.iter().all(|form| parse(form) == Some(12_500_000)));
    }

    /// What is no decimal is none.
    #[test]
    fn rejects_what_is_no_decimal() {
        let forms: [&[u8]; 6] = [b"", b"-", b".", b"1,5", b"1.2.3", b"1.1234567"];

        assert!(forms.iter().all(|form| parse(form).is_none()));
    }
}
