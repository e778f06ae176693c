//! What is not the protocol, in parts (G2): however it is cut, lost and reordered, it arrives as it
//! was sent, on every port where messages in parts are put together.

use tests::{Config, Pipe};

use crate::world::{Cut, Line, World};

fn arrives_on(gateway: &str, port: u16, client: &[u8], server: &[u8]) {
    for (seed, cut) in [(1, Cut::Each(1)), (2, Cut::Anywhere)] {
        let line = Line {
            seed,
            loss: 5,
            double: 5,
            jitter: 10,
        };
        let config = Config::new().fixed("inside: 10.64.0.10, outside: 203.0.113.14");
        let mut world = World::new(Pipe::new(&config), line, cut, [client, server]).at_port(port);
        world.run(600);
        assert!(
            world.heard() == [server, client],
            "{gateway} on {port}, seed {seed}"
        );
        let rows = world.nat.show("alg");
        let row = rows.iter().find(|row| row["alg"] == gateway).unwrap();
        assert_eq!(row["bypassed"], 1, "{port}, seed {seed}: {row}");
        assert_eq!(row["rewritten"], 0, "{port}, seed {seed}: {row}");
    }
}

#[test]
fn other_protocols_in_parts_pass_on_every_port() {
    let mut chance = testkit::Rng::new(7);
    let request = b"GET / HTTP/1.1\r\nHost: 10.64.0.7\r\n\r\n".repeat(3);
    let answer = [
        b"HTTP/1.1 200 OK\r\n\r\n10.64.0.7".to_vec(),
        chance.bytes(1500),
    ]
    .concat();
    let mut tls = || {
        [
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
            chance.bytes(700),
        ]
        .concat()
    };
    let (hello, reply) = (tls(), tls());
    for (gateway, port) in [
        ("ftp", 21),
        ("dns", 53),
        ("rcmd", 514),
        ("rtsp", 554),
        ("sip", 5060),
    ] {
        arrives_on(gateway, port, &request, &answer);
        arrives_on(gateway, port, &hello, &reply);
    }
}
