//! The client connects: `PASV` and `EPSV` of a client inside. Nothing is written anew.

use tests::{Pipe, X, tcp_endpoint};

use super::control;
use crate::talk::Side::{Inside, Outside};
use crate::talk::Talk;
use crate::{address, strict, tally};

/// PROTOCOLS B1: the data connection is an ordinary flow of the client.
#[test]
fn a_server_outside_is_left_alone() {
    let mut nat = Pipe::new(&strict());
    let mut talk = control(&mut nat);
    talk.says(&mut nat, Inside, b"PASV\r\n");
    talk.says(
        &mut nat,
        Outside,
        b"227 Entering Passive Mode (192,0,2,1,195,149).\r\n",
    );
    let mut data = Talk::open(&mut nat, "10.64.0.7:40001", &format!("{X}:50069"));
    data.says(&mut nat, Outside, b"bytes");
    assert_eq!(address(&data.outside()), address(&talk.outside()));
    talk.says(&mut nat, Inside, b"EPSV\r\n");
    talk.says(
        &mut nat,
        Outside,
        b"229 Entering Extended Passive Mode (|||50070|)\r\n",
    );
    tcp_endpoint(&mut nat, "10.64.0.7:40002", &format!("{X}:50070"));
    assert_eq!(nat.show("doors").len(), 0);
    let [_, rewritten, opened, ..] = tally(&mut nat, "ftp");
    assert_eq!((rewritten, opened), (0, 0));
}

/// A server behind a NAT of its own may name an address of the inside: it is the server's word,
/// and neither changed nor believed.
#[test]
fn a_private_address_of_the_server_opens_nothing() {
    let mut nat = Pipe::new(&strict());
    let mut talk = control(&mut nat);
    talk.says(&mut nat, Inside, b"PASV\r\n");
    talk.says(
        &mut nat,
        Outside,
        b"227 Entering Passive Mode (10,64,0,7,195,149).\r\n",
    );
    assert_eq!(nat.show("doors").len(), 0);
}
