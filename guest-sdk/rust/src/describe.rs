//! What an actor says about itself: its subjects, with examples made of the author's own types.
//! Called by `export` for the CLI and other readers; never part of a turn.
//! A schema here is what the examples show, no more: a field that no example has is not in it.

use serde::Serialize;
use serde_json::{Map, Value, json};

/// How every description begins, so that a host can tell which SDK a component has inside.
const SDK: &str = concat!("{\"sdk\":\"hydra-sdk-rust/", env!("CARGO_PKG_VERSION"), "\",");

/// The subjects that an actor understands.
///
/// ```
/// use hydra_sdk::{Description, Subject};
///
/// let description = Description::new("A number that can be added to.")
///     .subject(Subject::new("add").about("Adds a number, replies with the new value.").body(&5).reply(&12))
///     .subject(Subject::new("get").about("Replies with the value.").reply(&12));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Description {
    about: String,
    subjects: Vec<Subject>,
}

impl Description {
    /// A description that says in a sentence what the actor is.
    pub fn new(about: impl Into<String>) -> Self {
        Self { about: about.into(), subjects: Vec::new() }
    }

    /// Adds a subject.
    #[must_use]
    pub fn subject(mut self, subject: Subject) -> Self {
        self.subjects.push(subject);
        self
    }

    /// As the component's `describe` gives it: `{sdk, about, subjects: [{subject, about, body, reply}]}`, where `body` and
    /// `reply`, if the author gave one, are `{schema, example}`.
    #[must_use]
    pub fn to_json(&self) -> String {
        let subjects: Vec<Value> = self.subjects.iter().map(Subject::to_value).collect();
        json!({ "about": self.about, "subjects": subjects }).to_string().replacen('{', SDK, 1)
    }
}

/// One subject: what it does, what it takes, what it gives.
#[derive(Debug, Clone)]
pub struct Subject {
    name: String,
    about: String,
    body: Option<Value>,
    reply: Option<Value>,
}

impl Subject {
    /// A subject without body or reply.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), about: String::new(), body: None, reply: None }
    }

    /// Says in a sentence what it does.
    #[must_use]
    pub fn about(mut self, text: impl Into<String>) -> Self {
        self.about = text.into();
        self
    }

    /// A body that it understands, with every optional field filled.
    #[must_use]
    pub fn body(mut self, example: &impl Serialize) -> Self {
        self.body = shown(example);
        self
    }

    /// A reply that it gives, with every optional field filled.
    #[must_use]
    pub fn reply(mut self, example: &impl Serialize) -> Self {
        self.reply = shown(example);
        self
    }

    fn to_value(&self) -> Value {
        let mut fields = Map::new();
        fields.insert("subject".into(), self.name.as_str().into());
        fields.insert("about".into(), self.about.as_str().into());
        for (key, value) in [("body", &self.body), ("reply", &self.reply)] {
            if let Some(value) = value {
                fields.insert(key.into(), value.clone());
            }
        }
        fields.into()
    }
}

/// Schema and example; none when the example cannot be JSON.
fn shown(example: &impl Serialize) -> Option<Value> {
    let example = serde_json::to_value(example).ok()?;
    Some(json!({ "schema": schema(&example), "example": example }))
}

/// The JSON Schema that a value shows.
fn schema(value: &Value) -> Value {
    match value {
        Value::Null => json!({}),
        Value::Bool(_) => json!({ "type": "boolean" }),
        Value::Number(number) if number.is_f64() => json!({ "type": "number" }),
        Value::Number(_) => json!({ "type": "integer" }),
        Value::String(_) => json!({ "type": "string" }),
        Value::Array(items) => match items.first() {
            Some(first) => json!({ "type": "array", "items": schema(first) }),
            None => json!({ "type": "array" }),
        },
        Value::Object(fields) => {
            let properties: Map<_, _> = fields.iter().map(|(name, field)| (name.clone(), schema(field))).collect();
            json!({ "type": "object", "properties": properties })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Order {
        item: &'static str,
        pieces: u32,
        marks: Vec<bool>,
        price: f64,
        note: Option<&'static str>,
    }

    #[test]
    fn examples_become_schemas() {
        let order = Order { item: "tea", pieces: 2, marks: vec![true], price: 1.5, note: None };
        let text = Description::new("Orders.").subject(Subject::new("order").body(&order)).to_json();
        let said: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(said["subjects"][0]["body"]["example"]["pieces"], 2);
        let properties = json!({
            "item": { "type": "string" },
            "pieces": { "type": "integer" },
            "marks": { "type": "array", "items": { "type": "boolean" } },
            "price": { "type": "number" },
            "note": {},
        });
        assert_eq!(said["subjects"][0]["body"]["schema"], json!({ "type": "object", "properties": properties }));
        assert!(said["subjects"][0].get("reply").is_none());
    }
}
