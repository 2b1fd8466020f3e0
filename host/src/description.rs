//! What a component says about itself: its subjects, with example bodies. For people; nothing depends on it.
//! Ground floor: pure. Read at deploy from `lifecycle.describe`, kept with the version, shown by the edges.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A component in its author's words. Keys that are not known are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Description {
    /// What it is, in a sentence.
    pub about: String,
    /// What it understands.
    pub subjects: Vec<DescribedSubject>,
}

/// One subject.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DescribedSubject {
    /// Its name.
    pub subject: String,
    /// What it does, in a sentence.
    pub about: String,
    /// The body that it takes.
    pub body: Option<Shape>,
    /// What it replies.
    pub reply: Option<Shape>,
}

/// What bytes look like.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Shape {
    /// A JSON schema.
    pub schema: Value,
    /// One that fits it.
    pub example: Value,
}

impl Description {
    /// Reads what a guest said.
    ///
    /// # Errors
    /// It is not JSON of this form: leave it out and tell the author.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }
}

impl DescribedSubject {
    /// The subject and an example body, as one types them behind `hydra ask KIND/ID`.
    #[must_use]
    pub fn example(&self) -> String {
        match &self.body {
            None => self.subject.clone(),
            // Quotes in JSON are double ones: single ones around it are what a shell needs, unless there are some inside.
            Some(shape) => format!("{} '{}'", self.subject, shape.example.to_string().replace('\'', r"'\''")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_can_be_typed() {
        let said =
            r#"{"about":"x","subjects":[{"subject":"add","body":{"example":{"n":5}}},{"subject":"get"}],"more":1}"#;
        let examples: Vec<String> =
            Description::parse(said).unwrap().subjects.iter().map(DescribedSubject::example).collect();
        assert_eq!(examples, [r#"add '{"n":5}'"#, "get"]);
        assert!(Description::parse("[1]").is_err());
    }
}
