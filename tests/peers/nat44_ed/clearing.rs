//! What `clear` says of sessions with twice NAT.

use testkit::tcp;
use tests::Pipe;

use crate::answer;
use crate::nat44_ed::twice::config;

/// Peer scenario: nat44-ed, twice NAT, delete session: one row shown, one cleared.
#[test]
fn a_session_of_twice_nat_is_cleared_as_one() {
    let mut nat = Pipe::new(&config());
    let syn = tcp("192.0.2.1:4567 > 203.0.113.13:80").syn();
    let got = nat.outside(syn).forwarded();
    nat.inside(answer(&got)).forwarded();
    let shown = nat.show("translations").len() as u64;
    assert_eq!(shown, 1);
    assert_eq!(nat.clear("translations"), shown);
    assert!(nat.show("translations").is_empty());
}
