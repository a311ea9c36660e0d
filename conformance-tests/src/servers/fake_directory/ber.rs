//! Just enough BER for a server that tests speak to, and of its own: whoever is tested has another.

/// An element: its tag and its content.
pub type Element<'a> = (u8, &'a [u8]);

/// Takes the first element off the bytes; None where it is not whole.
pub fn take<'a>(bytes: &mut &'a [u8]) -> Option<Element<'a>> {
    let (tag, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = if *first < 0x80 {
        (usize::from(*first), rest)
    } else {
        let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        (digits.iter().fold(0, |length, digit| (length << 8) | usize::from(*digit)), rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    *bytes = rest;
    Some((*tag, content))
}

/// All the elements in these bytes.
pub fn all(mut bytes: &[u8]) -> Vec<Element<'_>> {
    std::iter::from_fn(|| take(&mut bytes)).collect()
}

/// A number.
pub fn number(content: &[u8]) -> i64 {
    content.iter().fold(0, |number, digit| (number << 8) | i64::from(*digit))
}

/// An element.
pub fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match u8::try_from(content.len()) {
        Ok(short) if short < 0x80 => out.push(short),
        _ => {
            out.push(0x84);
            out.extend_from_slice(&u32::try_from(content.len()).unwrap_or(u32::MAX).to_be_bytes());
        }
    }
    out.extend_from_slice(content);
    out
}

/// A constructed element of these.
pub fn nested(tag: u8, parts: &[Vec<u8>]) -> Vec<u8> {
    element(tag, &parts.concat())
}

/// An OCTET STRING.
pub fn octets(content: impl AsRef<[u8]>) -> Vec<u8> {
    element(4, content.as_ref())
}

/// An INTEGER or ENUMERATED.
pub fn integer(tag: u8, value: u32) -> Vec<u8> {
    element(tag, &[&[0], &value.to_be_bytes()[..]].concat())
}
