//! A MAC address as the API writes it: `06:00:ac:10:00:02`.

use serde::{Deserialize, Serialize};

/// Six octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct MacAddress([u8; 6]);

/// Not a MAC address.
#[derive(Debug, thiserror::Error)]
#[error("'{0}' is not a MAC address; write six pairs of hexadecimal digits, as 06:00:ac:10:00:02")]
pub(crate) struct Error(String);

impl MacAddress {
    /// The octets in the order of transmission.
    pub(crate) fn octets(self) -> [u8; 6] {
        self.0
    }
}

impl TryFrom<String> for MacAddress {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        let mut octets = [0; 6];
        let mut words = text.split(':');
        for octet in &mut octets {
            let word = words
                .next()
                .filter(|word| word.len() == 2 && word.bytes().all(|byte| byte.is_ascii_hexdigit()));
            match word.and_then(|word| u8::from_str_radix(word, 16).ok()) {
                Some(value) => *octet = value,
                None => return Err(Error(text)),
            }
        }
        if words.next().is_some() {
            return Err(Error(text));
        }
        Ok(Self(octets))
    }
}

impl From<MacAddress> for String {
    fn from(mac: MacAddress) -> Self {
        mac.0.map(|octet| format!("{octet:02x}")).join(":")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        let mac = MacAddress::try_from("06:00:AC:10:00:02".to_owned()).unwrap();
        assert_eq!(mac.octets(), [6, 0, 0xac, 0x10, 0, 2]);
        assert_eq!(String::from(mac), "06:00:ac:10:00:02");
        for bad in [
            "",
            "06:00:ac:10:00",
            "06:00:ac:10:00:02:03",
            "6:0:ac:10:0:2",
            "06:00:ac:10:00:+2",
        ] {
            assert!(MacAddress::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
