//! AES-256-GCM with random nonces, and the binding of a sealed value to its place.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};

use crate::error::CryptoError;

/// Length of every symmetric key here.
pub(crate) const KEY_LEN: usize = 32;

/// Seals and opens under one key: `nonce || ciphertext || tag`.
pub(crate) struct Cipher(RandomizedNonceKey);

impl Cipher {
    /// A cipher of this key. The library keeps its own copy and clears it in the end.
    #[expect(clippy::expect_used, reason = "fails for keys of another length only, and the type fixes the length")]
    pub(crate) fn new(key: &[u8; KEY_LEN]) -> Self {
        Self(RandomizedNonceKey::new(&AES_256_GCM, key).expect("an AES-256 key has 32 bytes"))
    }

    /// Appends the sealed form of `plaintext` to `head`, which `binding` should cover.
    #[expect(clippy::expect_used, reason = "fails for plaintexts of more than 64 GiB only, which memory does not hold")]
    pub(crate) fn seal(&self, mut head: Vec<u8>, binding: &Binding, plaintext: &[u8]) -> Vec<u8> {
        // Encrypted in place in its final position, so that no second copy of the plaintext is left behind.
        head.reserve_exact(NONCE_LEN + plaintext.len() + AES_256_GCM.tag_len());
        let nonce_at = head.len();
        head.extend([0; NONCE_LEN]);
        let body_at = head.len();
        head.extend(plaintext);
        let (nonce, tag) = self
            .0
            .seal_in_place_separate_tag(Aad::from(&binding.0), &mut head[body_at..])
            .expect("sealing a value that fits into memory");
        head[nonce_at..body_at].copy_from_slice(nonce.as_ref());
        head.extend(tag.as_ref());
        head
    }

    /// Opens what [`Self::seal`] appended.
    pub(crate) fn open(&self, sealed: &[u8], binding: &Binding) -> Result<Vec<u8>, CryptoError> {
        let (nonce, body) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(CryptoError::UnknownFormat)?;
        let mut opened = body.to_vec();
        let length = self
            .0
            .open_in_place(Nonce::from(nonce), Aad::from(&binding.0), &mut opened)
            .map_err(|_| CryptoError::DoesNotOpen)?
            .len();
        opened.truncate(length);
        Ok(opened)
    }
}

/// What a sealed value is bound to: it opens only where the same parts are given in the same order.
pub(crate) struct Binding(Vec<u8>);

impl Binding {
    /// Each part goes in with its length before it, so that `("ab", "c")` is not `("a", "bc")`.
    pub(crate) fn new(parts: &[&[u8]]) -> Self {
        let mut bytes = Vec::with_capacity(parts.iter().map(|part| part.len() + 8).sum());
        for part in parts {
            bytes.extend((part.len() as u64).to_be_bytes());
            bytes.extend(*part);
        }
        Self(bytes)
    }

    /// The parts as one text of bytes.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}
