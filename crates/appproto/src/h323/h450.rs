//! Supplementary services in call signalling (H.450.1), as far as they name addresses: transfer
//! (H.450.2) and diversion (H.450.3).
//!
//! ```text
//!  H4501SupplementaryService: ... rosApdus: invoke        opcode, argument
//!                                           returnResult  opcode, result
//! ```
//!
//! Arguments and results are behind their length, and what they are is told by the opcode; those
//! of other services are passed over. Names are those of the recommendations. Where a call is to
//! be sent on to leads there; every other address only names somebody.

use super::grammar::{ALIAS_ADDRESS, NON_STANDARD_PARAMETER};
use super::types::Field::{self, May, Must};
use super::types::{ANY, Choice, Place, Sequence, Size, Type};

/// `SEQUENCE` with so many optional fields, up to the last address.
macro_rules! up_to {
    ($optional:literal, $($field:expr),+) => {
        Type::Sequence(&Sequence {
            extensible: true,
            optional: $optional,
            root: &[$($field),+, Must(Type::Rest)],
            more: &[],
        })
    };
}

/// `CHOICE` with an extension marker.
macro_rules! choice {
    ($bits:literal, $($root:expr),+) => {
        Type::Choice(&Choice {
            extensible: true,
            bits: $bits,
            root: &[$($root),+],
            more: &[],
        })
    };
}

pub(super) static SUPPLEMENTARY_SERVICE: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 2,
    root: &[
        May(NETWORK_FACILITY_EXTENSION),
        May(choice!(2, NULL, NULL, NULL)),
        Must(choice!(0, Type::List(ANY, &ROS))),
    ],
    more: &[],
});

const NETWORK_FACILITY_EXTENSION: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 2,
    root: &[
        Must(ENTITY_TYPE),
        May(Type::Of(&ALIAS_ADDRESS)),
        Must(ENTITY_TYPE),
        May(Type::Of(&ALIAS_ADDRESS)),
    ],
    more: &[],
});
const ENTITY_TYPE: Type = choice!(1, NULL, NULL);
const NULL: Type = Type::Bits(0);

/// `invoke`, `returnResult`, `returnError`, `reject`.
static ROS: Type = Type::Choice(&Choice {
    extensible: false,
    bits: 2,
    root: &[INVOKE, RETURN_RESULT, Type::Rest, Type::Rest],
    more: &[],
});
const INVOKE: Type = Type::Sequence(&Sequence {
    extensible: false,
    optional: 2,
    root: &[
        Must(INVOKE_ID),
        May(Type::Integer),
        Must(CODE),
        May(Type::Told(&ARGUMENTS)),
    ],
    more: &[],
});
const RETURN_RESULT: Type = Type::Sequence(&Sequence {
    extensible: false,
    optional: 1,
    root: &[
        Must(Type::Integer),
        May(Type::Sequence(&Sequence {
            extensible: false,
            optional: 0,
            root: &[Must(CODE), Must(Type::Told(&RESULTS))],
            more: &[],
        })),
    ],
    more: &[],
});
/// Up to 65535, with an extension marker.
const INVOKE_ID: Type = Type::Choice(&Choice {
    extensible: false,
    bits: 1,
    root: &[Type::Octets(2), Type::Integer],
    more: &[],
});
/// `local` or `global`, which is an object identifier and means no operation here.
const CODE: Type = Type::Choice(&Choice {
    extensible: false,
    bits: 1,
    root: &[Type::Integer, Type::Integer],
    more: &[],
});

static ARGUMENTS: [(u32, Type); 14] = [
    // callTransferInitiate, callTransferSetup
    (9, up_to!(1, CALL_IDENTITY, Must(LEADS))),
    (10, up_to!(2, CALL_IDENTITY, May(ADDRESS))),
    // callTransferActive, callTransferComplete, callTransferUpdate
    (11, up_to!(3, Must(ADDRESS))),
    (12, up_to!(4, Must(Type::Enumerated(1)), Must(ADDRESS))),
    (13, up_to!(3, Must(ADDRESS))),
    // activateDiversionQ, deactivateDiversionQ, interrogateDiversionQ
    (
        15,
        up_to!(
            1,
            PROCEDURE,
            SERVICE,
            Must(ADDRESS),
            Must(ADDRESS),
            Must(ADDRESS)
        ),
    ),
    (
        16,
        up_to!(1, PROCEDURE, SERVICE, Must(ADDRESS), Must(ADDRESS)),
    ),
    (
        17,
        up_to!(
            2,
            PROCEDURE,
            May(Type::Enumerated(0)),
            Must(ADDRESS),
            Must(ADDRESS)
        ),
    ),
    // checkRestriction
    (18, up_to!(1, Must(ADDRESS), SERVICE, Must(ADDRESS))),
    // callRerouting
    (
        19,
        up_to!(
            7,
            REASON,
            May(Type::Enumerated(2)),
            Must(LEADS),
            COUNTER,
            Must(Type::String(ANY, 8)),
            Must(ADDRESS),
            OPTION,
            May(PARTY_SUBADDRESS),
            Must(ADDRESS),
            TEXT,
            May(ADDRESS)
        ),
    ),
    // divertingLegInformation1 to 4
    (
        20,
        up_to!(4, REASON, OPTION, Must(ADDRESS), TEXT, May(ADDRESS)),
    ),
    (
        21,
        up_to!(
            6,
            COUNTER,
            REASON,
            May(Type::Enumerated(2)),
            May(ADDRESS),
            May(ADDRESS)
        ),
    ),
    (22, up_to!(3, Must(Type::Bits(1)), May(ADDRESS))),
    (
        100,
        up_to!(3, REASON, OPTION, Must(ADDRESS), TEXT, Must(ADDRESS)),
    ),
];

static RESULTS: [(u32, Type); 2] = [
    // callTransferIdentify
    (7, up_to!(1, CALL_IDENTITY, Must(LEADS))),
    // interrogateDiversionQ
    (
        17,
        Type::List(
            Size {
                least: 0,
                bits: 5,
                aligned: false,
            },
            &INT_RESULT,
        ),
    ),
];
static INT_RESULT: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 2,
    root: &[
        Must(ADDRESS),
        SERVICE,
        PROCEDURE,
        Must(ADDRESS),
        May(Type::Bits(1)),
        May(EXTENSION),
    ],
    more: &[],
});

/// `EndpointAddress`.
const ADDRESS: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 1,
    root: &[
        Must(Type::List(ANY, &Type::Of(&ALIAS_ADDRESS))),
        May(Type::Of(&ALIAS_ADDRESS)),
    ],
    more: &[],
});
/// One that a call is to be sent on to.
const LEADS: Type = Type::At(Place::Signalling, &REROUTING);
static REROUTING: Type = ADDRESS;
/// Up to four digits.
const CALL_IDENTITY: Field = Must(Type::String(
    Size {
        least: 0,
        bits: 3,
        aligned: false,
    },
    4,
));
/// A manufacturer's own, with object identifiers or without.
const EXTENSION: Type = Type::Choice(&Choice {
    extensible: false,
    bits: 1,
    root: &[
        Type::List(
            ANY,
            &Type::Sequence(&Sequence {
                extensible: false,
                optional: 0,
                root: &[Must(Type::String(ANY, 8)), Must(Type::String(ANY, 8))],
                more: &[],
            }),
        ),
        Type::Of(&NON_STANDARD_PARAMETER),
    ],
    more: &[],
});
const PROCEDURE: Field = Must(Type::Enumerated(2));
const SERVICE: Field = Must(Type::Enumerated(0));
const REASON: Field = Must(Type::Enumerated(2));
const OPTION: Field = Must(Type::Enumerated(2));
/// 1 to 15.
const COUNTER: Field = Must(Type::Bits(4));
/// 1 to 128 characters.
const TEXT: Field = May(Type::String(
    Size {
        least: 1,
        bits: 7,
        aligned: false,
    },
    16,
));
const PARTY_SUBADDRESS: Type = choice!(
    1,
    Type::Sequence(&Sequence {
        extensible: true,
        optional: 1,
        root: &[Must(SUBADDRESS), May(Type::Bits(1))],
        more: &[],
    }),
    SUBADDRESS
);
/// 1 to 20 octets.
const SUBADDRESS: Type = Type::String(
    Size {
        least: 1,
        bits: 5,
        aligned: false,
    },
    8,
);
