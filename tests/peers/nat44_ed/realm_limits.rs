//! Sessions of a realm: `limits.vrfs`.

use testkit::tcp;
use tests::{Config, Pipe};

/// Peer scenario: nat44-ed, session limit per VRF.
#[test]
fn a_limit_of_one_realm_is_not_another_s() {
    let config = Config::new()
        .limit("vrfs", "{ blue: { sessions: 5 } }")
        .add_interface("name: lan, device: \"net_null2\", addresses: [10.1.1.1/24], vrf: blue")
        .rule_before("name: blue, inside: lan, pool: public, outside_vrf: default");
    let mut nat = Pipe::new(&config);
    nat.learn("lan", "10.1.1.2", "10.1.1.1", &[]);
    let mut through = |interface: &str, host: &str| {
        (6000..6010)
            .map(|port| tcp(&format!("{host}:{port} > 192.0.2.1:80")).syn())
            .map(|syn| nat.send(interface, &syn))
            .filter(|outcome| outcome.verdict == "forward")
            .count()
    };
    assert_eq!(through("lan", "10.1.1.2"), 5);
    assert_eq!(
        through("lan", "10.1.1.3"),
        0,
        "all hosts of the realm together"
    );
    assert_eq!(through("inside", "10.64.0.7"), 10);
    // What is open goes on.
    let again = tcp("10.1.1.2:6000 > 192.0.2.1:80").syn();
    nat.send("lan", &again).forwarded();
    assert_eq!(nat.show("translations").len(), 15);
}
