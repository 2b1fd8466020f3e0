//! Reads the settings: defaults, then `hydra.toml`, then `HYDRA_…` variables, then flags, and keeps where each came from.
//! Called by the binary before anything is started. Every mistake is found, not only the first.
//! Never looks at the process's own environment: it is handed in.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};

use super::bounds;
use super::problem::{Problem, Problems};
use super::settings::Config;

/// The file that is read when none is named, in the working folder.
const DEFAULT_FILE: &str = "hydra.toml";
/// Where a setting comes from that nobody gave.
const DEFAULT_ORIGIN: &str = "default";
/// Begins every variable that is a setting.
const PREFIX: &str = "HYDRA_";
/// Variables of the command line itself and of the tests: no settings of a host.
const CLIENT_VARIABLES: [&str; 4] = ["HYDRA_URL", "HYDRA_TOKEN", "HYDRA_CONFIG", "HYDRA_NATS_SERVER"];
/// Further ones of the tests, known to no release.
const TEST_VARIABLES: &[&str] = &[
    #[cfg(debug_assertions)]
    crate::crash::VARIABLE,
];
/// Kubernetes sets these beside a service that is called hydra.
const FOREIGN_PREFIXES: [&str; 2] = ["HYDRA_SERVICE_", "HYDRA_PORT"];
/// Never printed.
const SECRETS: [&str; 3] = ["http.token", "nats.password", "nats.token"];
/// A key this different from every known one is not taken for a slip: below it no suggestion is made.
const LIKENESS_MIN: f64 = 0.7;

/// Where settings may come from.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// A file that was named: it must exist. None: `hydra.toml` in the working folder, if there is one.
    pub file: Option<PathBuf>,
    /// The environment. Only `HYDRA_SECTION_KEY` is read; an empty value counts as not set.
    pub environment: Vec<(String, String)>,
    /// A verb's own defaults: below the file.
    pub defaults: Vec<Given>,
    /// Flags: above all.
    pub flags: Vec<Given>,
}

/// One setting as text, from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// Which, for example `store.dir`.
    pub key: String,
    /// Its value; lists are separated by commas.
    pub text: String,
    /// Where it stands, as people know it: `--data`, `HYDRA_STORE_DIR`.
    pub origin: String,
}

/// The settings, checked, and where each came from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The settings.
    pub config: Config,
    /// All of them, for people and programs; secrets are replaced by `…`.
    pub settings: Vec<Setting>,
}

/// One setting, to be shown.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Setting {
    /// Which, for example `store.dir`.
    pub key: String,
    /// Its value; `…` for a secret, null for none.
    pub value: serde_json::Value,
    /// `default`, a file's name, a variable or a flag.
    pub origin: String,
}

/// Reads and checks all settings.
///
/// # Errors
/// `Problems`: show them to whoever starts the host; nothing was started.
pub fn load(sources: &Sources) -> Result<Loaded, Problems> {
    let known = Known::new();
    let mut layers: Vec<Layer> = sources.defaults.iter().map(|given| known.layer(given)).collect();
    layers.extend(file(sources.file.as_deref()).map_err(|problem| Problems(vec![problem]))?);
    layers.extend(variables(&sources.environment).iter().map(|given| known.layer(given)));
    layers.extend(sources.flags.iter().map(|given| known.layer(given)));

    let mistakes: Vec<Problem> = layers.iter().flat_map(|layer| known.mistakes(layer)).collect();
    if !mistakes.is_empty() {
        return Err(Problems(mistakes));
    }
    let merged = layers.into_iter().fold(defaults(), Figment::merge);
    let config: Config = merged.extract().map_err(|error| Problems(vec![type_problem("settings", "all", &error)]))?;
    let broken = bounds::check(&config).into_iter().map(|broken| Problem::Bounds {
        key: broken.key,
        origin: origin(&merged, broken.key),
        value: broken.value,
        bounds: broken.bounds,
    });
    let broken: Vec<Problem> = broken.collect();
    if !broken.is_empty() {
        return Err(Problems(broken));
    }
    let settings = known.keys.iter().map(|(key, _)| setting(&merged, key)).collect();
    Ok(Loaded { config, settings })
}

/// One place that settings come from: figment remembers its name with every value.
#[derive(Clone)]
struct Layer {
    name: String,
    values: Dict,
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}

fn defaults() -> Figment {
    let values = match Value::serialize(Config::default()) {
        Ok(Value::Dict(_, values)) => values,
        _ => Dict::new(),
    };
    Figment::from(Layer { name: DEFAULT_ORIGIN.into(), values })
}

fn file(named: Option<&Path>) -> Result<Option<Layer>, Problem> {
    let path = named.unwrap_or(Path::new(DEFAULT_FILE));
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if named.is_none() && error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(Problem::File { path: path.display().to_string(), source }),
    };
    let name = path.display().to_string();
    match toml::from_str(&text) {
        Ok(values) => Ok(Some(Layer { name, values })),
        Err(error) => Err(Problem::Syntax { path: name, reason: error.to_string().trim_end().into() }),
    }
}

/// `HYDRA_STORE_DIR` is `store.dir`: sections have no underscore, so the first one ends the section.
fn variables(environment: &[(String, String)]) -> Vec<Given> {
    let foreign = |name: &str| FOREIGN_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    let mut given: Vec<Given> = environment
        .iter()
        .filter(|(name, text)| !text.is_empty() && !CLIENT_VARIABLES.contains(&name.as_str()) && !foreign(name))
        .filter(|(name, _)| !TEST_VARIABLES.contains(&name.as_str()))
        .filter_map(|(name, text)| {
            let key = name.strip_prefix(PREFIX)?.to_ascii_lowercase().replacen('_', ".", 1);
            Some(Given { key, text: text.clone(), origin: name.clone() })
        })
        .collect();
    given.sort_by(|a, b| a.key.cmp(&b.key));
    given
}

/// The settings there are, each with its default: the default's type says how text is read.
struct Known {
    keys: Vec<(String, Value)>,
    sections: BTreeSet<String>,
}

impl Known {
    fn new() -> Self {
        let keys = match Value::serialize(Config::default()) {
            Ok(Value::Dict(_, values)) => flatten("", &values),
            _ => Vec::new(),
        };
        let sections = keys.iter().filter_map(|(key, _)| key.split_once('.')).map(|(section, _)| section.into());
        Self { sections: sections.collect(), keys }
    }

    fn default_of(&self, key: &str) -> Option<&Value> {
        self.keys.iter().find(|(known, _)| known == key).map(|(_, value)| value)
    }

    fn layer(&self, given: &Given) -> Layer {
        let value = match self.default_of(&given.key) {
            Some(Value::Num(..)) => match given.text.replace('_', "").parse::<u64>() {
                Ok(number) => Value::from(number),
                Err(_) => given.text.parse::<f64>().map_or(Value::from(given.text.as_str()), Value::from),
            },
            Some(Value::Bool(..)) => given.text.parse::<bool>().map_or(Value::from(given.text.as_str()), Value::from),
            Some(Value::Array(..)) => given.text.split(',').map(str::trim).collect::<Vec<_>>().into(),
            _ => Value::from(given.text.as_str()),
        };
        Layer { name: given.origin.clone(), values: nest(&given.key, value) }
    }

    fn mistakes(&self, layer: &Layer) -> Vec<Problem> {
        let origin = &layer.name;
        flatten("", &layer.values)
            .into_iter()
            .filter_map(|(key, value)| {
                if self.default_of(&key).is_some() {
                    let alone = Layer { name: origin.clone(), values: nest(&key, value) };
                    let error = defaults().merge(alone).extract::<Config>().err()?;
                    return Some(type_problem(&key, origin, &error));
                }
                if self.sections.contains(&key) {
                    let reason = format!("is a section: write [{key}] and its keys below");
                    return (!matches!(value, Value::Dict(..))).then(|| Problem::Type {
                        key,
                        origin: origin.clone(),
                        reason,
                    });
                }
                Some(Problem::UnknownKey { nearest: self.nearest(&key), key, origin: origin.clone() })
            })
            .collect()
    }

    fn nearest(&self, key: &str) -> Option<String> {
        let likeness = |known: &str| strsim::jaro_winkler(known, key);
        let nearest = self.keys.iter().max_by(|(a, _), (b, _)| likeness(a).total_cmp(&likeness(b)));
        nearest.filter(|(known, _)| likeness(known) >= LIKENESS_MIN).map(|(known, _)| known.clone())
    }
}

/// All leaves with their dotted keys; an empty table is a leaf, so that it is seen too.
fn flatten(prefix: &str, values: &Dict) -> Vec<(String, Value)> {
    let below = |(name, value): (&String, &Value)| {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            Value::Dict(_, values) if !values.is_empty() => flatten(&key, values),
            value => vec![(key, value.clone())],
        }
    };
    values.iter().flat_map(below).collect()
}

fn nest(key: &str, value: Value) -> Dict {
    match key.split_once('.') {
        Some((section, rest)) => Dict::from([(section.into(), nest(rest, value).into())]),
        None => Dict::from([(key.into(), value)]),
    }
}

fn type_problem(key: &str, origin: &str, error: &figment::Error) -> Problem {
    let reason = if SECRETS.contains(&key) { "is not text".into() } else { error.kind.to_string() };
    // Within a list the error knows better where it is.
    let place = error.path.join(".");
    let key = if place.starts_with(key) { place } else { key.into() };
    Problem::Type { key, origin: origin.into(), reason }
}

fn origin(merged: &Figment, key: &str) -> String {
    merged.find_metadata(key).map_or_else(|| DEFAULT_ORIGIN.into(), |metadata| metadata.name.to_string())
}

fn setting(merged: &Figment, key: &str) -> Setting {
    let value = merged.find_value(key).ok().and_then(|value| serde_json::to_value(value).ok());
    let value = value.unwrap_or(serde_json::Value::Null);
    let hidden = SECRETS.contains(&key) && !value.is_null();
    Setting { key: key.into(), value: if hidden { "…".into() } else { value }, origin: origin(merged, key) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(key: &str, text: &str, origin: &str) -> Given {
        Given { key: key.into(), text: text.into(), origin: origin.into() }
    }

    /// Sources with a file of this text; the folder lives as long as the test.
    fn sources(text: &str) -> (tempfile::TempDir, Sources) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hydra.toml");
        std::fs::write(&path, text).unwrap();
        (folder, Sources { file: Some(path), ..Sources::default() })
    }

    fn told(sources: &Sources) -> Vec<String> {
        load(sources).unwrap_err().0.iter().map(Problem::to_string).collect()
    }

    fn shown(loaded: &Loaded, key: &str) -> (serde_json::Value, String) {
        let setting = loaded.settings.iter().find(|setting| setting.key == key).unwrap();
        (setting.value.clone(), setting.origin.clone())
    }

    #[test]
    fn the_later_source_wins_and_every_origin_is_known() {
        let (_folder, mut sources) =
            sources("[store]\nbuckets = 4\nretention_s = 100\n[http]\nhosts = [\"a.example\"]");
        sources.defaults = vec![given("store.durability", "os", "hydra dev"), given("store.buckets", "2", "hydra dev")];
        sources.environment = vec![
            ("HYDRA_STORE_RETENTION_S".into(), "200".into()),
            ("HYDRA_HTTP_HOSTS".into(), "b.example, c.example".into()),
            ("HYDRA_STORE_DIR".into(), String::new()),
            ("PATH".into(), "/bin".into()),
        ];
        sources.flags = vec![given("store.retention_s", "3_00", "--retention")];
        let loaded = load(&sources).unwrap();
        assert_eq!(loaded.config.store.retention_s, 300);
        assert_eq!(loaded.config.store.durability, super::super::Durability::Os);
        assert_eq!(loaded.config.http.hosts, ["b.example", "c.example"]);
        let file = sources.file.unwrap().display().to_string();
        assert_eq!(shown(&loaded, "store.buckets"), (4.into(), file));
        assert_eq!(shown(&loaded, "store.retention_s"), (300.into(), "--retention".into()));
        assert_eq!(shown(&loaded, "store.durability"), ("os".into(), "hydra dev".into()));
        assert_eq!(shown(&loaded, "http.hosts").1, "HYDRA_HTTP_HOSTS");
        assert_eq!(shown(&loaded, "store.dir"), (".hydra".into(), "default".into()));
        assert_eq!(shown(&loaded, "sandbox.cache_dir"), (serde_json::Value::Null, "default".into()));
    }

    #[test]
    fn every_mistake_is_told_with_its_place_and_the_nearest_name() {
        let (_folder, mut sources) = sources("[store]\ndri = \"x\"\nbuckets = \"many\"\n[stroe]\ndir = 1\n[qqq]\n");
        sources.environment = vec![("HYDRA_HTTP_LISTNE".into(), "x".into()), ("HYDRA_URL".into(), "x".into())];
        let told = told(&sources);
        assert_eq!(told.len(), 5, "{told:#?}");
        let has = |parts: [&str; 2]| told.iter().any(|line| parts.iter().all(|part| line.contains(part)));
        assert!(has(["unknown key store.dri in ", "did you mean store.dir?"]), "{told:#?}");
        assert!(has(["store.buckets in ", "expected u16"]), "{told:#?}");
        assert!(has(["unknown key stroe.dir", "did you mean store.dir?"]), "{told:#?}");
        assert!(has(["unknown key http.listne in HYDRA_HTTP_LISTNE", "did you mean http.listen?"]), "{told:#?}");
        assert!(told.iter().any(|line| line.starts_with("unknown key qqq") && !line.contains("did you mean")));
    }

    #[test]
    fn a_value_out_of_bounds_names_field_value_and_bounds() {
        let flags = vec![given("store.retention_s", "5", "--retention")];
        let told = told(&Sources { flags, ..Sources::default() });
        assert_eq!(told, ["store.retention_s in --retention is 5, allowed: 60 to 86400"]);
    }

    #[test]
    fn a_token_of_digits_stays_text_and_is_never_shown() {
        let environment = vec![("HYDRA_HTTP_TOKEN".into(), "01234567890123456789".into())];
        let loaded = load(&Sources { environment, ..Sources::default() }).unwrap();
        assert_eq!(loaded.config.http.token.as_deref(), Some("01234567890123456789"));
        assert_eq!(shown(&loaded, "http.token"), ("…".into(), "HYDRA_HTTP_TOKEN".into()));
        let (_folder, sources) = sources("[http]\ntoken = 12345678");
        assert!(!told(&sources).join("").contains("1234"));
    }

    #[test]
    fn a_named_file_must_exist_and_be_toml() {
        let missing = Sources { file: Some("no/such.toml".into()), ..Sources::default() };
        assert!(told(&missing).join("").contains("no/such.toml"));
        let (_folder, broken) = sources("[store\n");
        assert!(told(&broken).join("").contains("is not TOML"));
        assert!(load(&Sources::default()).is_ok());
    }
}
