//! Links by what carries them.

use super::text::Text;
use super::{Gauge, Render};

/// A gauge for links over QUIC and one for those over TCP.
#[derive(Debug, Default)]
pub struct ByTransport {
    quic: Gauge,
    tcp: Gauge,
}

impl ByTransport {
    pub fn of(&self, is_tcp: bool) -> &Gauge {
        if is_tcp { &self.tcp } else { &self.quic }
    }
}

impl Render for ByTransport {
    fn render(&self, text: &mut Text, name: &str, help: &str) {
        text.family(name, "gauge", help);
        for (transport, gauge) in [("quic", &self.quic), ("tcp", &self.tcp)] {
            text.sample(name, "", &[("transport", transport)], gauge.get());
        }
    }
}
