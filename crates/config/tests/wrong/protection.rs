//! Protection: what makes no sense.

use crate::{INTERFACES, check};

#[test]
fn protection() {
    check(
        INTERFACES,
        &[
            (
                "protection: { per_address: { §burst: 5 } }\n",
                &["`burst` has no effect without a rate; write `packets_per_second` too"],
            ),
            (
                "protection: { per_address: { §black_hole_for: 5s } }\n",
                &["`black_hole_for` has no effect without a rate"],
            ),
            (
                "protection: { black_hole: [10.0.0.0/8, §0.0.0.0/0] }\n",
                &["0.0.0.0/0 would keep out much of the Internet; write a prefix of /8 or longer"],
            ),
            (
                "protection: { scan: { ports: §1 } }\n",
                &["`ports`: `1` is out of range; write a number from 2 to 10000"],
            ),
            (
                "protection: { §scans: {} }\n",
                &["unknown key `scans` in `protection`"],
            ),
        ],
    );
}
