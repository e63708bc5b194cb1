//! Two namespaces joined by a pair of virtual cards, losing packets by nftables.

use std::net::{IpAddr, Ipv4Addr};

use super::{Namespace, NetError};

/// Addresses of the two ends; each pair is a network of its own, so all have the same.
const ADDRESSES: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 77, 0, 1), Ipv4Addr::new(10, 77, 0, 2)];
/// nftables draws whole numbers below this: loss in steps of a hundredth of a per cent.
const DRAWS: f64 = 10_000.0;

/// A network of two ends, `a` and `b`. Gone when dropped.
#[derive(Debug)]
pub struct Veth {
    pub a: Namespace,
    pub b: Namespace,
}

impl Veth {
    /// Two ends that reach each other without loss.
    ///
    /// # Errors
    /// [`NetError`].
    pub fn new() -> Result<Veth, NetError> {
        let veth = Veth {
            a: Namespace::new()?,
            b: Namespace::new()?,
        };
        let peer = veth.b.name();
        veth.a.ip(&format!(
            "link add eth0 type veth peer name eth0 netns {peer}"
        ))?;
        for (end, address) in [&veth.a, &veth.b].into_iter().zip(ADDRESSES) {
            end.ip(&format!("address add {address}/30 dev eth0"))?;
            end.ip("link set eth0 up")?;
        }
        Ok(veth)
    }

    /// The address of end `a`.
    #[must_use]
    pub fn address_a(&self) -> IpAddr {
        ADDRESSES[0].into()
    }

    /// The address of end `b`.
    #[must_use]
    pub fn address_b(&self) -> IpAddr {
        ADDRESSES[1].into()
    }

    /// Loses this share of packets, from 0 to 1, each way, UDP and TCP alike, from now on. The
    /// kernel draws, without a seed.
    ///
    /// # Errors
    /// nftables is missing or refuses.
    pub fn lose(&self, share: f64) -> Result<(), NetError> {
        let below = (share.clamp(0.0, 1.0) * DRAWS).round();
        // The kernel knows no draw that always falls.
        let drawn = match below < DRAWS {
            true => format!("numgen random mod {DRAWS} < {below} "),
            false => String::new(),
        };
        let rules = format!(
            "table inet parlor {{\n\
             chain loss {{ type filter hook input priority -300; }}\n\
             }}\n\
             flush chain inet parlor loss\n\
             add rule inet parlor loss iifname eth0 {drawn}drop\n"
        );
        self.a.nft(&rules)?;
        self.b.nft(&rules)
    }
}
