//! The real binary with real components, driven as users drive it: by command line, HTTP and signals.

mod killing;
