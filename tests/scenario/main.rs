//! Scenario files on hand-written components: what passes, what is found, and that a run is a function of its seed.
//! Through the library, as any embedder would; the verb is tested in `cli`, the samples' own scenarios in `e2e`.

mod finding;
mod running;
mod theatre;
