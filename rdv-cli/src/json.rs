//! What the command prints for programs.

use std::fmt;

/// A value. What is only ever written does not need a library that reads and maps.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    /// Unknown, or not applicable.
    Null,
    /// Yes or no.
    Bool(bool),
    /// Milliseconds.
    Number(f64),
    /// Words.
    Text(String),
    /// Any number of values.
    List(Vec<Json>),
    /// Named values, in this order.
    Object(Vec<(&'static str, Json)>),
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Json::Null => f.write_str("null"),
            Json::Bool(value) => write!(f, "{value}"),
            Json::Number(value) => write!(f, "{value:.3}"),
            Json::Text(value) => Quoted(value).fmt(f),
            Json::List(values) => {
                f.write_str("[")?;
                for (i, value) in values.iter().enumerate() {
                    write!(f, "{}{value}", if i > 0 { "," } else { "" })?;
                }
                f.write_str("]")
            }
            Json::Object(fields) => {
                f.write_str("{")?;
                for (i, (name, value)) in fields.iter().enumerate() {
                    write!(f, "{}\"{name}\":{value}", if i > 0 { "," } else { "" })?;
                }
                f.write_str("}")
            }
        }
    }
}

/// Text in quotation marks, RFC 8259 section 7. Controls beyond ASCII are escaped too: terminals act on them.
#[derive(Clone, Copy, Debug)]
pub struct Quoted<'a>(pub &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for char in self.0.chars() {
            match char {
                '"' | '\\' => write!(f, "\\{char}")?,
                control if control.is_control() => write!(f, "\\u{:04x}", u32::from(control))?,
                char => write!(f, "{char}")?,
            }
        }
        f.write_str("\"")
    }
}
