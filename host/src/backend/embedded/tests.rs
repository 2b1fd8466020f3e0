//! Laws of the embedded store alone.
