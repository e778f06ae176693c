//! Clients are told without asking that what they have is lost (RFC 6887 section 14.1).

use base::Counter;
use tests::{Config, Left, Pipe};

use crate::client::{announce, ask};
use crate::served;

/// The epochs of the announcements among these frames, each with its time.
fn announced(left: &[Left]) -> Vec<(f64, u32)> {
    let of_it = left.iter().filter(|left| left.seen.dst.port() == 5350);
    of_it
        .map(|left| {
            let (seen, bytes) = (&left.seen, &left.seen.payload);
            assert_eq!(left.interface, "inside");
            assert_eq!(seen.src, "10.64.0.1:5351");
            assert_eq!(
                (seen.dst.to_string(), seen.ttl),
                ("224.0.0.1:5350".into(), 1)
            );
            assert_eq!(seen.dst_mac, [1, 0, 0x5e, 0, 0, 1]);
            assert_eq!(bytes[..8], [2, 0x80, 0, 0, 0, 0, 0, 0]);
            assert_eq!(bytes.len(), 24);
            let epoch = u32::from_be_bytes(bytes[8..12].try_into().unwrap());
            (left.at, epoch)
        })
        .collect()
}

/// RFC 6887 section 14.1.1: ten times at most, the first gap a quarter of a second at least, each
/// twice as long as the one before at least.
#[test]
fn a_start_is_announced_ten_times() {
    let mut nat = Pipe::new(&served());
    let said = announced(&nat.wait(600.0));
    assert_eq!(said.len(), 10);
    let mut gap = 0.125;
    for pair in said.windows(2) {
        let [(before, _), (at, epoch)] = pair else {
            unreachable!("pairs");
        };
        assert!(at - before >= 2.0 * gap, "{said:?}");
        gap = at - before;
        assert!(at - f64::from(*epoch) < 1.5, "{said:?}");
    }
    assert_eq!(nat.counter(Counter::PcpAnnounced), 10);
}

/// RFC 6887 section 8.5: a reload that takes addresses away is a loss, one that adds some is not.
#[test]
fn addresses_that_go_are_announced() {
    let config = served();
    let mut nat = Pipe::new(&config);
    nat.wait(600.0);
    nat.reload(&config.clone().pool("prefixes", "[203.0.113.0/27]"));
    assert_eq!(announced(&nat.wait(600.0)), []);
    nat.reload(&config.pool("prefixes", "[203.0.113.0/29]"));
    let said = announced(&nat.wait(600.0));
    assert_eq!(said.len(), 10);
    assert_eq!(said[0].1, 0);
}

/// RFC 6887 section 8.5: so is a reload that has a rule draw on other addresses, wherever the old
/// ones are.
#[test]
fn rules_that_draw_on_other_pools_are_announced() {
    let others = "name: others, inside: inside, source: 10.64.9.0/24, pool: public";
    let config = served()
        .add_pool("name: more, prefixes: [203.0.113.32/31]")
        .rule_before(others);
    let mut nat = Pipe::new(&config);
    nat.wait(600.0);
    nat.reload(&config.clone().rule("pool", "[public, more]"));
    assert_eq!(announced(&nat.wait(600.0)), []);
    nat.reload(&config.rule("pool", "more"));
    let said = announced(&nat.wait(600.0));
    assert_eq!(said.len(), 10);
    let epoch = ask(&mut nat, &announce()).epoch;
    assert!((599..=601).contains(&epoch), "{epoch}");
}

/// Nobody hears of what nobody may ask for.
#[test]
fn nothing_is_announced_where_it_is_off() {
    let mut nat = Pipe::new(&Config::new());
    assert_eq!(announced(&nat.wait(600.0)), []);
}
