//! Numbers that a store tells about itself, for whoever watches over it.

/// Names and values that tell numbers of one name apart. There are few of them, whatever clients send.
pub type Labels = Vec<(&'static str, String)>;

/// A number, or several that labels tell apart.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// What it is called.
    pub name: &'static str,
    /// What it counts or measures.
    pub help: &'static str,
    /// It only ever grows; else it goes up and down.
    pub grows: bool,
    /// The values.
    pub values: Vec<(Labels, f64)>,
}

impl Metric {
    /// A number that only grows.
    pub fn counter(name: &'static str, help: &'static str, values: Vec<(Labels, f64)>) -> Self {
        Metric { name, help, grows: true, values }
    }

    /// A number that goes up and down.
    pub fn gauge(name: &'static str, help: &'static str, values: Vec<(Labels, f64)>) -> Self {
        Metric { name, help, grows: false, values }
    }
}
