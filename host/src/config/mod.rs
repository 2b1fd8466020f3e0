//! The host's settings: what there is (`settings`, `binding`, `template`, `endpoint`, `sink`), what is allowed (`bounds`, `nats`), and where it
//! comes from (`load`).
//! Defaults, then `hydra.toml`, then `HYDRA_…` variables, then flags; the later wins. Read once, at the start.
//! Never read by a client verb: the command line talks to a host by its URL.

mod binding;
mod bounds;
mod endpoint;
mod fraction;
mod load;
mod nats;
mod problem;
mod settings;
mod sink;
mod template;

pub use binding::{Binding, OnRecreated};
pub use endpoint::{Endpoint, Origin, OriginError, Secret, is_endpoint_name};
pub use fraction::Fraction;
pub use load::{Given, Loaded, Setting, Sources, load};
pub use problem::{Problem, Problems};
pub use settings::{Config, Durability, Http, LogFormat, Nats, Node, Sandbox, Signal, Storage, Store, Telemetry};
pub use sink::Sink;
pub use template::{Address, Error as TemplateError, Gap, Template};
