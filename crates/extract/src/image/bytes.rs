//! Numbers out of bytes in either order. Never reads past the end: what is not there is None.

/// A slice with its byte order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bytes<'a> {
    pub(super) data: &'a [u8],
    little: bool,
}

impl<'a> Bytes<'a> {
    pub(super) const fn little(data: &'a [u8]) -> Self {
        Self { data, little: true }
    }

    pub(super) const fn big(data: &'a [u8]) -> Self {
        let little = false;
        Self { data, little }
    }

    /// The same order over other bytes.
    pub(super) const fn of(self, data: &'a [u8]) -> Self {
        Self { data, ..self }
    }

    pub(super) fn slice(self, at: usize, len: usize) -> Option<&'a [u8]> {
        self.data.get(at..at.checked_add(len)?)
    }

    pub(super) fn from(self, at: usize) -> Option<&'a [u8]> {
        self.data.get(at..)
    }

    pub(super) fn u8(self, at: usize) -> Option<u8> {
        self.data.get(at).copied()
    }

    pub(super) fn u16(self, at: usize) -> Option<u16> {
        let bytes = self.slice(at, 2)?.try_into().ok()?;
        Some(match self.little {
            true => u16::from_le_bytes(bytes),
            false => u16::from_be_bytes(bytes),
        })
    }

    pub(super) fn u32(self, at: usize) -> Option<u32> {
        let bytes = self.slice(at, 4)?.try_into().ok()?;
        Some(match self.little {
            true => u32::from_le_bytes(bytes),
            false => u32::from_be_bytes(bytes),
        })
    }

    pub(super) fn u64(self, at: usize) -> Option<u64> {
        let bytes = self.slice(at, 8)?.try_into().ok()?;
        Some(match self.little {
            true => u64::from_le_bytes(bytes),
            false => u64::from_be_bytes(bytes),
        })
    }

    /// A 32-bit length or offset.
    pub(super) fn length(self, at: usize) -> Option<usize> {
        usize::try_from(self.u32(at)?).ok()
    }
}
