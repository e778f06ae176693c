//! What H.225.0 and H.245 have on the way to addresses, in the order of their ASN.1.
//!
//! Made by `tests/h323/grammar.py`, not to be changed by hand. Names are those of the
//! recommendations; `_LAST` is a type behind which nothing comes, so that it is read no further
//! than to its last address.
#![allow(clippy::unreadable_literal, reason = "generated")]

use super::types::Field::{May, Must};
use super::types::{ANY, Choice, Place, Sequence, Size, Type};

static ADDRESS_PATTERN: Type = Type::Choice(&Choice {
    extensible: true,
    bits: 1,
    root: &[
        Type::Of(&ALIAS_ADDRESS),
        Type::Sequence(&Sequence {
            extensible: false,
            optional: 0,
            root: &[Must(Type::Of(&PARTY_NUMBER)), Must(Type::Of(&PARTY_NUMBER))],
            more: &[],
        }),
    ],
    more: &[],
});
static ADMISSION_CONFIRM: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 2,
    root: &[
        Must(Type::Octets(2)),
        Must(Type::Number(2, 0)),
        Must(Type::Of(&CALL_MODEL)),
        Must(Type::At(Place::Signalling, &Type::Of(&TRANSPORT_ADDRESS))),
        May(Type::Octets(2)),
        May(Type::Of(&NON_STANDARD_PARAMETER)),
    ],
    more: &[
        Some(Type::List(ANY, &Type::Of(&ALIAS_ADDRESS))),
        Some(Type::List(ANY, &Type::Of(&ALIAS_ADDRESS))),
        Some(Type::Of(&ENDPOINT_TYPE_LAST)),
        Some(Type::List(ANY, &Type::Of(&ALIAS_ADDRESS))),
        Some(Type::List(ANY, &Type::Of(&ENDPOINT))),
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        Some(Type::Of(&ALTERNATE_TRANSPORT_ADDRESSES_LAST)),
        None,
        None,
        None,
        Some(Type::List(ANY, &Type::Of(&SUPPORTED_PROTOCOLS))),
        None,
        None,
        None,
        None,
        Some(Type::List(ANY, &Type::Of(&ALIAS_ADDRESS))),
        Some(Type::Of(&ALTERNATE_GK_LAST)),
    ],
});
static ADMISSION_CONFIRM_LAST: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 2,
    root: &[
        Must(Type::Octets(2)),
        Must(Type::Number(2, 0)),
        Must(Type::Of(&CALL_MODEL)),
        Must(Type::At(Place::Signalling, &Type::Of(&TRANSPORT_ADDRESS))),
        May(Type::Octets(2)),
        May(Type::Of(&NON_STANDARD_PARAMETER)),
    ],
    more: &[
        Some(Type::List(ANY, &Type::Of(&ALIAS_ADDRESS))),
        Some(Type::List(ANY, &Type::Of(&ALIAS_ADDRESS))),
        Some(Type::Of(&ENDPOINT_TYPE_LAST)),
        Some(Type::List(ANY, &Type::Of(&ALIAS_ADDRESS))),
        Some(Type::List(ANY, &Type::Of(&ENDPOINT))),
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        Some(Type::Of(&ALTERNATE_TRANSPORT_ADDRESSES_LAST)),
        None,
        None,
        None,
        Some(Type::List(ANY, &Type::Of(&SUPPORTED_PROTOCOLS))),
        None,
        None,
        None,
        None,
        Some(Type::List(ANY, &Type::Of(&ALIAS_ADDRESS))),
        Some(Type::Of(&ALTERNATE_GK_LAST)),
    ],
});
static ADMISSION_REJECT_LAST: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 1,
    root: &[
        Must(Type::Octets(2)),
        Must(Type::Of(&ADMISSION_REJECT_REASON)),
        May(Type::Of(&NON_STANDARD_PARAMETER)),
    ],
    more: &[
        Some(Type::Of(&ALT_GKINFO_LAST)),
        None,
        None,
        Some(Type::At(
            Place::Signalling,
            &Type::List(ANY, &Type::Of(&TRANSPORT_ADDRESS)),
        )),
        None,
        None,
        None,
        None,
        Some(Type::Of(&ALTERNATE_GK_LAST)),
    ],
});
static ADMISSION_REJECT_REASON: Type = Type::Choice(&Choice {
    extensible: true,
    bits: 3,
    root: &[
        Type::Bits(0),
        Type::Bits(0),
        Type::Bits(0),
        Type::Bits(0),
        Type::Bits(0),
        Type::Bits(0),
        Type::Bits(0),
        Type::Bits(0),
    ],
    more: &[],
});
static ADMISSION_REQUEST_LAST: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 7,
    root: &[
        Must(Type::Octets(2)),
        Must(Type::Of(&CALL_TYPE)),
        May(Type::Of(&CALL_MODEL)),
        Must(Type::String(
            Size {
                least: 1,
                bits: 7,
                aligned: false,
            },
            16,
        )),
        May(Type::List(ANY, &Type::Of(&ALIAS_ADDRESS))),
        May(Type::At(Place::NamedTcp, &Type::Of(&TRANSPORT_ADDRESS))),
        May(Type::List(ANY, &Type::Of(&ALIAS_ADDRESS))),
        Must(Type::List(ANY, &Type::Of(&ALIAS_ADDRESS))),
        May(Type::At(Place::NamedTcp, &Type::Of(&TRANSPORT_ADDRESS))),
        Must(Type::Number(2, 0)),
        Must(Type::Octets(2)),
        May(Type::Of(&NON_STANDARD_PARAMETER)),
        May(Type::Of(&QSERIES_OPTIONS)),
        Must(Type::Octets(16)),
        Must(Type::Bits(1)),
        Must(Type::Bits(1)),
    ],
    more: &[
        None,
        None,
        Some(Type::List(ANY, &Type::Of(&ENDPOINT))),
        Some(Type::List(ANY, &Type::Of(&ENDPOINT))),
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        Some(Type::List(ANY, &Type::Of(&SUPPORTED_PROTOCOLS))),
    ],
});
static ALERTING_UUIE: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 1,
    root: &[
        Must(Type::String(ANY, 8)),
        Must(Type::Of(&ENDPOINT_TYPE)),
        May(Type::At(Place::Control, &Type::Of(&TRANSPORT_ADDRESS))),
    ],
    more: &[
        None,
        None,
        None,
        None,
        Some(Type::List(
            ANY,
            &Type::Holds(&Type::Of(&H245_OPEN_LOGICAL_CHANNEL_LAST)),
        )),
        None,
        None,
        Some(Type::List(ANY, &Type::Of(&ALIAS_ADDRESS))),
    ],
});
pub(super) static ALIAS_ADDRESS: Type = Type::Choice(&Choice {
    extensible: true,
    bits: 1,
    root: &[
        Type::String(
            Size {
                least: 1,
                bits: 7,
                aligned: false,
            },
            4,
        ),
        Type::String(
            Size {
                least: 1,
                bits: 8,
                aligned: true,
            },
            16,
        ),
    ],
    more: &[
        None,
        Some(Type::At(
            Place::NamedTcp,
            &Type::Of(&TRANSPORT_ADDRESS_LAST),
        )),
    ],
});
static ALIAS_ADDRESS_LAST: Type = Type::Choice(&Choice {
    extensible: true,
    bits: 1,
    root: &[Type::Rest, Type::Rest],
    more: &[
        None,
        Some(Type::At(
            Place::NamedTcp,
            &Type::Of(&TRANSPORT_ADDRESS_LAST),
        )),
    ],
});
static ALTERNATE_GK: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 1,
    root: &[
        Must(Type::At(Place::Ras, &Type::Of(&TRANSPORT_ADDRESS))),
        May(Type::String(
            Size {
                least: 1,
                bits: 7,
                aligned: false,
            },
            16,
        )),
        Must(Type::Bits(1)),
        Must(Type::Bits(7)),
    ],
    more: &[],
});
static ALTERNATE_GK_LAST: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 1,
    root: &[
        Must(Type::At(Place::Ras, &Type::Of(&TRANSPORT_ADDRESS))),
        Must(Type::Rest),
    ],
    more: &[],
});
static ALTERNATE_TRANSPORT_ADDRESSES_LAST: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 1,
    root: &[
        May(Type::At(
            Place::SignallingUdp,
            &Type::List(ANY, &Type::Of(&TRANSPORT_ADDRESS)),
        )),
        Must(Type::Rest),
    ],
    more: &[],
});
static ALT_GKINFO: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 0,
    root: &[
        Must(Type::List(ANY, &Type::Of(&ALTERNATE_GK))),
        Must(Type::Bits(1)),
    ],
    more: &[],
});
static ALT_GKINFO_LAST: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 0,
    root: &[
        Must(Type::List(ANY, &Type::Of(&ALTERNATE_GK))),
        Must(Type::Rest),
    ],
    more: &[],
});
static BANDWIDTH_DETAILS: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 0,
    root: &[
        Must(Type::Bits(1)),
        Must(Type::Bits(1)),
        Must(Type::Number(2, 0)),
        Must(Type::Of(&TRANSPORT_CHANNEL_INFO)),
    ],
    more: &[],
});
static BANDWIDTH_REJECT_LAST: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 1,
    root: &[
        Must(Type::Octets(2)),
        Must(Type::Of(&BAND_REJECT_REASON)),
        Must(Type::Number(2, 0)),
        May(Type::Of(&NON_STANDARD_PARAMETER)),
    ],
    more: &[Some(Type::Of(&ALT_GKINFO_LAST))],
});
static BANDWIDTH_REQUEST_LAST: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 2,
    root: &[
        Must(Type::Octets(2)),
        Must(Type::String(
            Size {
                least: 1,
                bits: 7,
                aligned: false,
            },
            16,
        )),
        Must(Type::Octets(16)),
        Must(Type::Octets(2)),
        May(Type::Of(&CALL_TYPE)),
        Must(Type::Number(2, 0)),
        May(Type::Of(&NON_STANDARD_PARAMETER)),
    ],
    more: &[
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        Some(Type::List(ANY, &Type::Of(&BANDWIDTH_DETAILS))),
    ],
});
static BAND_REJECT_REASON: Type = Type::Choice(&Choice {
    extensible: true,
    bits: 3,
    root: &[
        Type::Bits(0),
        Type::Bits(0),
        Type::Bits(0),
        Type::Bits(0),
        Type::Bits(0),
        Type::Bits(0),
    ],
    more: &[],
});
static CALL_IDENTIFIER: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 0,
    root: &[Must(Type::Octets(16))],
    more: &[],
});
static CALL_MODEL: Type = Type::Choice(&Choice {
    extensible: true,
    bits: 1,
    root: &[Type::Bits(0), Type::Bits(0)],
    more: &[],
});
static CALL_PROCEEDING_UUIE: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 1,
    root: &[
        Must(Type::String(ANY, 8)),
        Must(Type::Of(&ENDPOINT_TYPE)),
        May(Type::At(Place::Control, &Type::Of(&TRANSPORT_ADDRESS))),
    ],
    more: &[
        None,
        None,
        None,
        None,
        Some(Type::List(
            ANY,
            &Type::Holds(&Type::Of(&H245_OPEN_LOGICAL_CHANNEL_LAST)),
        )),
    ],
});
static CALL_TYPE: Type = Type::Choice(&Choice {
    extensible: true,
    bits: 2,
    root: &[Type::Bits(0), Type::Bits(0), Type::Bits(0), Type::Bits(0)],
    more: &[],
});
static CONFERENCE_LIST: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 3,
    root: &[
        May(Type::Octets(16)),
        May(Type::Of(&ALIAS_ADDRESS)),
        May(Type::Of(&NON_STANDARD_PARAMETER)),
    ],
    more: &[],
});
static CONNECT_UUIE: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 1,
    root: &[
        Must(Type::String(ANY, 8)),
        May(Type::At(Place::Control, &Type::Of(&TRANSPORT_ADDRESS))),
        Must(Type::Of(&ENDPOINT_TYPE)),
        Must(Type::Octets(16)),
    ],
    more: &[
        None,
        None,
        None,
        None,
        Some(Type::List(
            ANY,
            &Type::Holds(&Type::Of(&H245_OPEN_LOGICAL_CHANNEL_LAST)),
        )),
        None,
        None,
        None,
        Some(Type::List(ANY, &Type::Of(&ALIAS_ADDRESS))),
    ],
});
static CRYPTO_H323_TOKEN: Type = Type::Choice(&Choice {
    extensible: true,
    bits: 3,
    root: &[
        Type::Sequence(&Sequence {
            extensible: false,
            optional: 0,
            root: &[
                Must(Type::Of(&ALIAS_ADDRESS)),
                Must(Type::Number(2, 1)),
                Must(Type::Of(&H235_HASHED)),
            ],
            more: &[],
        }),
        Type::Sequence(&Sequence {
            extensible: false,
            optional: 0,
            root: &[
                Must(Type::String(
                    Size {
                        least: 1,
                        bits: 7,
                        aligned: false,
                    },
                    16,
                )),
                Must(Type::Number(2, 1)),
                Must(Type::Of(&H235_HASHED)),
            ],
            more: &[],
        }),
        Type::Of(&H235_ENCRYPTED),
        Type::Of(&H235_ENCRYPTED),
        Type::Of(&H235_SIGNED),
        Type::Of(&H235_SIGNED),
        Type::Of(&H235_SIGNED),
        Type::Of(&H235_CRYPTO_TOKEN),
    ],
    more: &[],
});
static DATA_RATE: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 2,
    root: &[
        May(Type::Of(&NON_STANDARD_PARAMETER)),
        Must(Type::Number(2, 0)),
        May(Type::Octets(1)),
    ],
    more: &[],
});
static DISENGAGE_CONFIRM_LAST: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 1,
    root: &[
        Must(Type::Octets(2)),
        May(Type::Of(&NON_STANDARD_PARAMETER)),
    ],
    more: &[
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        Some(Type::Of(&ALTERNATE_GK_LAST)),
    ],
});
static DISENGAGE_REJECT_LAST: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 1,
    root: &[
        Must(Type::Octets(2)),
        Must(Type::Of(&DISENGAGE_REJECT_REASON)),
        May(Type::Of(&NON_STANDARD_PARAMETER)),
    ],
    more: &[Some(Type::Of(&ALT_GKINFO_LAST))],
});
static DISENGAGE_REJECT_REASON: Type = Type::Choice(&Choice {
    extensible: true,
    bits: 1,
    root: &[Type::Bits(0), Type::Bits(0)],
    more: &[],
});
static ENDPOINT: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 10,
    root: &[
        May(Type::Of(&NON_STANDARD_PARAMETER)),
        May(Type::List(ANY, &Type::Of(&ALIAS_ADDRESS))),
        May(Type::At(
            Place::Signalling,
            &Type::List(ANY, &Type::Of(&TRANSPORT_ADDRESS)),
        )),
        May(Type::At(
            Place::Ras,
            &Type::List(ANY, &Type::Of(&TRANSPORT_ADDRESS)),
        )),
        May(Type::Of(&ENDPOINT_TYPE)),
        May(Type::List(ANY, &Type::Of(&H235_CLEAR_TOKEN))),
        May(Type::List(ANY, &Type::Of(&CRYPTO_H323_TOKEN))),
        May(Type::Bits(7)),
        May(Type::List(ANY, &Type::Of(&ALIAS_ADDRESS))),
        May(Type::List(ANY, &Type::Of(&ALIAS_ADDRESS))),
    ],
    more: &[Some(Type::Of(&ALTERNATE_TRANSPORT_ADDRESSES_LAST))],
});
static ENDPOINT_TYPE: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 6,
    root: &[
        May(Type::Of(&NON_STANDARD_PARAMETER)),
        May(Type::Of(&VENDOR_IDENTIFIER)),
        May(Type::Of(&GATEKEEPER_INFO)),
        May(Type::Of(&GATEWAY_INFO)),
        May(Type::Of(&MCU_INFO)),
        May(Type::Of(&TERMINAL_INFO)),
        Must(Type::Bits(1)),
        Must(Type::Bits(1)),
    ],
    more: &[],
});
static ENDPOINT_TYPE_LAST: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 6,
    root: &[
        May(Type::Of(&NON_STANDARD_PARAMETER)),
        May(Type::Of(&VENDOR_IDENTIFIER)),
        May(Type::Of(&GATEKEEPER_INFO)),
        May(Type::Of(&GATEWAY_INFO)),
        May(Type::Of(&MCU_INFO)),
        Must(Type::Rest),
    ],
    more: &[],
});
static EXTENDED_ALIAS_ADDRESS: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 2,
    root: &[
        Must(Type::Of(&ALIAS_ADDRESS)),
        May(Type::Of(&PRESENTATION_INDICATOR)),
        May(Type::Enumerated(2)),
    ],
    more: &[],
});
static FACILITY_REASON: Type = Type::Choice(&Choice {
    extensible: true,
    bits: 2,
    root: &[Type::Bits(0), Type::Bits(0), Type::Bits(0), Type::Bits(0)],
    more: &[],
});
static FACILITY_UUIE: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 3,
    root: &[
        Must(Type::String(ANY, 8)),
        May(Type::At(Place::Signalling, &Type::Of(&TRANSPORT_ADDRESS))),
        May(Type::List(ANY, &Type::Of(&ALIAS_ADDRESS))),
        May(Type::Octets(16)),
        Must(Type::Of(&FACILITY_REASON)),
    ],
    more: &[
        None,
        Some(Type::List(ANY, &Type::Of(&ALIAS_ADDRESS))),
        Some(Type::Of(&ALIAS_ADDRESS_LAST)),
        None,
        None,
        Some(Type::List(ANY, &Type::Of(&CONFERENCE_LIST))),
        Some(Type::At(Place::Control, &Type::Of(&TRANSPORT_ADDRESS_LAST))),
        Some(Type::List(
            ANY,
            &Type::Holds(&Type::Of(&H245_OPEN_LOGICAL_CHANNEL_LAST)),
        )),
        None,
        None,
        None,
        None,
        None,
        None,
        Some(Type::Of(&ENDPOINT_TYPE_LAST)),
    ],
});
static GATEKEEPER_CONFIRM_LAST: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 2,
    root: &[
        Must(Type::Octets(2)),
        Must(Type::String(ANY, 8)),
        May(Type::Of(&NON_STANDARD_PARAMETER)),
        May(Type::String(
            Size {
                least: 1,
                bits: 7,
                aligned: false,
            },
            16,
        )),
        Must(Type::At(Place::Ras, &Type::Of(&TRANSPORT_ADDRESS))),
    ],
    more: &[
        Some(Type::List(ANY, &Type::Of(&ALTERNATE_GK))),
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        Some(Type::Of(&ALTERNATE_GK_LAST)),
    ],
});
static GATEKEEPER_INFO: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 1,
    root: &[May(Type::Of(&NON_STANDARD_PARAMETER))],
    more: &[],
});
static GATEKEEPER_REJECT_LAST: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 2,
    root: &[
        Must(Type::Octets(2)),
        Must(Type::String(ANY, 8)),
        May(Type::Of(&NON_STANDARD_PARAMETER)),
        May(Type::String(
            Size {
                least: 1,
                bits: 7,
                aligned: false,
            },
            16,
        )),
        Must(Type::Of(&GATEKEEPER_REJECT_REASON)),
    ],
    more: &[Some(Type::Of(&ALT_GKINFO_LAST))],
});
static GATEKEEPER_REJECT_REASON: Type = Type::Choice(&Choice {
    extensible: true,
    bits: 2,
    root: &[Type::Bits(0), Type::Bits(0), Type::Bits(0), Type::Bits(0)],
    more: &[],
});
static GATEKEEPER_REQUEST_LAST: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 4,
    root: &[
        Must(Type::Octets(2)),
        Must(Type::String(ANY, 8)),
        May(Type::Of(&NON_STANDARD_PARAMETER)),
        Must(Type::At(Place::Ras, &Type::Of(&TRANSPORT_ADDRESS))),
        Must(Type::Of(&ENDPOINT_TYPE)),
        May(Type::String(
            Size {
                least: 1,
                bits: 7,
                aligned: false,
            },
            16,
        )),
        May(Type::Of(&QSERIES_OPTIONS)),
        May(Type::List(ANY, &Type::Of(&ALIAS_ADDRESS))),
    ],
    more: &[
        Some(Type::List(ANY, &Type::Of(&ENDPOINT))),
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        Some(Type::Of(&ALTERNATE_GK_LAST)),
    ],
});
static GATEWAY_INFO: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 2,
    root: &[
        May(Type::List(ANY, &Type::Of(&SUPPORTED_PROTOCOLS))),
        May(Type::Of(&NON_STANDARD_PARAMETER)),
    ],
    more: &[],
});
static H221_NON_STANDARD: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 0,
    root: &[
        Must(Type::Octets(1)),
        Must(Type::Octets(1)),
        Must(Type::Octets(2)),
    ],
    more: &[],
});
static H235_CLEAR_TOKEN: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 8,
    root: &[
        Must(Type::String(ANY, 8)),
        May(Type::Number(2, 1)),
        May(Type::String(
            Size {
                least: 1,
                bits: 7,
                aligned: false,
            },
            16,
        )),
        May(Type::Of(&H235_DHSET)),
        May(Type::String(
            Size {
                least: 8,
                bits: 7,
                aligned: false,
            },
            8,
        )),
        May(Type::String(ANY, 8)),
        May(Type::Of(&H235_TYPED_CERTIFICATE)),
        May(Type::String(
            Size {
                least: 1,
                bits: 7,
                aligned: false,
            },
            16,
        )),
        May(Type::Of(&H235_NON_STANDARD_PARAMETER)),
    ],
    more: &[],
});
static H235_CRYPTO_TOKEN: Type = Type::Choice(&Choice {
    extensible: true,
    bits: 2,
    root: &[
        Type::Sequence(&Sequence {
            extensible: false,
            optional: 0,
            root: &[Must(Type::String(ANY, 8)), Must(Type::Of(&H235_ENCRYPTED))],
            more: &[],
        }),
        Type::Sequence(&Sequence {
            extensible: false,
            optional: 0,
            root: &[Must(Type::String(ANY, 8)), Must(Type::Of(&H235_SIGNED))],
            more: &[],
        }),
        Type::Sequence(&Sequence {
            extensible: false,
            optional: 0,
            root: &[
                Must(Type::String(ANY, 8)),
                Must(Type::Of(&H235_CLEAR_TOKEN)),
                Must(Type::Of(&H235_HASHED)),
            ],
            more: &[],
        }),
        Type::Of(&H235_ENCRYPTED),
    ],
    more: &[],
});
static H235_DHSET: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 0,
    root: &[
        Must(Type::String(
            Size {
                least: 0,
                bits: 16,
                aligned: true,
            },
            1,
        )),
        Must(Type::String(
            Size {
                least: 0,
                bits: 16,
                aligned: true,
            },
            1,
        )),
        Must(Type::String(
            Size {
                least: 0,
                bits: 16,
                aligned: true,
            },
            1,
        )),
    ],
    more: &[],
});
static H235_ENCRYPTED: Type = Type::Sequence(&Sequence {
    extensible: false,
    optional: 0,
    root: &[
        Must(Type::String(ANY, 8)),
        Must(Type::Of(&H235_PARAMS)),
        Must(Type::String(ANY, 8)),
    ],
    more: &[],
});
static H235_HASHED: Type = Type::Sequence(&Sequence {
    extensible: false,
    optional: 0,
    root: &[
        Must(Type::String(ANY, 8)),
        Must(Type::Of(&H235_PARAMS)),
        Must(Type::String(ANY, 1)),
    ],
    more: &[],
});
static H235_NON_STANDARD_PARAMETER: Type = Type::Sequence(&Sequence {
    extensible: false,
    optional: 0,
    root: &[Must(Type::String(ANY, 8)), Must(Type::String(ANY, 8))],
    more: &[],
});
static H235_PARAMS: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 2,
    root: &[May(Type::String(ANY, 8)), May(Type::Octets(8))],
    more: &[],
});
static H235_SIGNED: Type = Type::Sequence(&Sequence {
    extensible: false,
    optional: 0,
    root: &[
        Must(Type::String(ANY, 8)),
        Must(Type::String(ANY, 8)),
        Must(Type::Of(&H235_PARAMS)),
        Must(Type::String(ANY, 1)),
    ],
    more: &[],
});
static H235_TYPED_CERTIFICATE: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 0,
    root: &[Must(Type::String(ANY, 8)), Must(Type::String(ANY, 8))],
    more: &[],
});
static H245_AUDIO_CAPABILITY: Type = Type::Choice(&Choice {
    extensible: true,
    bits: 4,
    root: &[
        Type::Of(&H245_NON_STANDARD_PARAMETER),
        Type::Octets(1),
        Type::Octets(1),
        Type::Octets(1),
        Type::Octets(1),
        Type::Octets(1),
        Type::Octets(1),
        Type::Octets(1),
        Type::Sequence(&Sequence {
            extensible: false,
            optional: 0,
            root: &[Must(Type::Octets(1)), Must(Type::Bits(1))],
            more: &[],
        }),
        Type::Octets(1),
        Type::Octets(1),
        Type::Octets(1),
        Type::Of(&H245_IS11172_AUDIO_CAPABILITY),
        Type::Of(&H245_IS13818_AUDIO_CAPABILITY),
    ],
    more: &[
        None,
        None,
        None,
        None,
        None,
        None,
        Some(Type::Of(&H245_GENERIC_CAPABILITY_LAST)),
        None,
        Some(Type::Of(&H245_VBDCAPABILITY_LAST)),
    ],
});
static H245_AUTHENTICATION_CAPABILITY: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 1,
    root: &[May(Type::Of(&H245_NON_STANDARD_PARAMETER))],
    more: &[],
});
static H245_CAPABILITY_IDENTIFIER: Type = Type::Choice(&Choice {
    extensible: true,
    bits: 2,
    root: &[
        Type::String(ANY, 8),
        Type::Of(&H245_NON_STANDARD_PARAMETER),
        Type::Octets(16),
        Type::String(
            Size {
                least: 1,
                bits: 6,
                aligned: false,
            },
            8,
        ),
    ],
    more: &[],
});
static H245_COMMAND_MESSAGE_LAST: Type = Type::Choice(&Choice {
    extensible: true,
    bits: 3,
    root: &[
        Type::Rest,
        Type::Rest,
        Type::Rest,
        Type::Rest,
        Type::Rest,
        Type::Rest,
        Type::Of(&H245_MISCELLANEOUS_COMMAND_LAST),
    ],
    more: &[Some(Type::Of(&H245_COMMUNICATION_MODE_COMMAND_LAST))],
});
static H245_COMMUNICATION_MODE_COMMAND_LAST: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 0,
    root: &[
        Must(Type::List(
            Size {
                least: 1,
                bits: 8,
                aligned: true,
            },
            &Type::Of(&H245_COMMUNICATION_MODE_TABLE_ENTRY),
        )),
        Must(Type::Rest),
    ],
    more: &[],
});
static H245_COMMUNICATION_MODE_RESPONSE_LAST: Type = Type::Choice(&Choice {
    extensible: true,
    bits: 0,
    root: &[Type::List(
        Size {
            least: 1,
            bits: 8,
            aligned: true,
        },
        &Type::Of(&H245_COMMUNICATION_MODE_TABLE_ENTRY),
    )],
    more: &[],
});
static H245_COMMUNICATION_MODE_TABLE_ENTRY: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 7,
    root: &[
        May(Type::List(ANY, &Type::Of(&H245_NON_STANDARD_PARAMETER))),
        Must(Type::Bits(8)),
        May(Type::Bits(8)),
        May(Type::Of(&H245_TERMINAL_LABEL)),
        Must(Type::String(
            Size {
                least: 1,
                bits: 7,
                aligned: false,
            },
            16,
        )),
        Must(Type::Choice(&Choice {
            extensible: true,
            bits: 2,
            root: &[
                Type::Of(&H245_VIDEO_CAPABILITY),
                Type::Of(&H245_AUDIO_CAPABILITY),
                Type::Of(&H245_DATA_APPLICATION_CAPABILITY),
            ],
            more: &[],
        })),
        May(Type::At(
            Place::NamedUdp,
            &Type::Of(&H245_TRANSPORT_ADDRESS),
        )),
        May(Type::Bits(1)),
        May(Type::At(
            Place::NamedUdp,
            &Type::Of(&H245_TRANSPORT_ADDRESS),
        )),
        May(Type::Bits(1)),
    ],
    more: &[Some(Type::Of(&H245_REDUNDANCY_ENCODING_LAST))],
});
static H245_CRCLENGTH: Type = Type::Choice(&Choice {
    extensible: true,
    bits: 2,
    root: &[Type::Bits(0), Type::Bits(0), Type::Bits(0)],
    more: &[],
});
static H245_DATA_APPLICATION_CAPABILITY: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 0,
    root: &[
        Must(Type::Choice(&Choice {
            extensible: true,
            bits: 4,
            root: &[
                Type::Of(&H245_NON_STANDARD_PARAMETER),
                Type::Of(&H245_DATA_PROTOCOL_CAPABILITY),
                Type::Of(&H245_DATA_PROTOCOL_CAPABILITY),
                Type::Of(&H245_DATA_PROTOCOL_CAPABILITY),
                Type::Sequence(&Sequence {
                    extensible: false,
                    optional: 0,
                    root: &[
                        Must(Type::Of(&H245_DATA_PROTOCOL_CAPABILITY)),
                        Must(Type::Of(&H245_T84_PROFILE)),
                    ],
                    more: &[],
                }),
                Type::Of(&H245_DATA_PROTOCOL_CAPABILITY),
                Type::Of(&H245_DATA_PROTOCOL_CAPABILITY),
                Type::Sequence(&Sequence {
                    extensible: false,
                    optional: 0,
                    root: &[
                        Must(Type::Of(&H245_DATA_PROTOCOL_CAPABILITY)),
                        Must(Type::String(ANY, 8)),
                    ],
                    more: &[],
                }),
                Type::Bits(0),
                Type::Of(&H245_DATA_PROTOCOL_CAPABILITY),
            ],
            more: &[
                Some(Type::Of(&H245_DATA_PROTOCOL_CAPABILITY_LAST)),
                Some(Type::Of(&H245_DATA_PROTOCOL_CAPABILITY_LAST)),
                Some(Type::Sequence(&Sequence {
                    extensible: false,
                    optional: 0,
                    root: &[
                        Must(Type::Of(&H245_DATA_PROTOCOL_CAPABILITY)),
                        Must(Type::Rest),
                    ],
                    more: &[],
                })),
                Some(Type::Of(&H245_GENERIC_CAPABILITY_LAST)),
            ],
        })),
        Must(Type::Number(2, 0)),
    ],
    more: &[],
});
static H245_DATA_PROTOCOL_CAPABILITY: Type = Type::Choice(&Choice {
    extensible: true,
    bits: 3,
    root: &[
        Type::Of(&H245_NON_STANDARD_PARAMETER),
        Type::Bits(0),
        Type::Bits(0),
        Type::Bits(0),
        Type::Bits(0),
        Type::Bits(0),
        Type::Bits(0),
    ],
    more: &[
        None,
        None,
        None,
        None,
        None,
        Some(Type::At(Place::Tcp, &Type::Bits(0))),
        Some(Type::At(Place::Udp, &Type::Bits(0))),
    ],
});
static H245_DATA_PROTOCOL_CAPABILITY_LAST: Type = Type::Choice(&Choice {
    extensible: true,
    bits: 3,
    root: &[
        Type::Rest,
        Type::Rest,
        Type::Rest,
        Type::Rest,
        Type::Rest,
        Type::Rest,
        Type::Rest,
    ],
    more: &[
        None,
        None,
        None,
        None,
        None,
        Some(Type::At(Place::Tcp, &Type::Bits(0))),
        Some(Type::At(Place::Udp, &Type::Bits(0))),
    ],
});
static H245_DATA_TYPE: Type = Type::Choice(&Choice {
    extensible: true,
    bits: 3,
    root: &[
        Type::Of(&H245_NON_STANDARD_PARAMETER),
        Type::Bits(0),
        Type::Of(&H245_VIDEO_CAPABILITY),
        Type::Of(&H245_AUDIO_CAPABILITY),
        Type::Of(&H245_DATA_APPLICATION_CAPABILITY),
        Type::Of(&H245_ENCRYPTION_MODE),
    ],
    more: &[
        None,
        Some(Type::Of(&H245_H235_MEDIA_LAST)),
        None,
        Some(Type::Of(&H245_REDUNDANCY_ENCODING_LAST)),
        Some(Type::Of(&H245_MULTIPLE_PAYLOAD_STREAM_LAST)),
    ],
});
static H245_ENCRYPTION_AUTHENTICATION_AND_INTEGRITY: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 3,
    root: &[
        May(Type::List(
            Size {
                least: 1,
                bits: 8,
                aligned: true,
            },
            &Type::Of(&H245_MEDIA_ENCRYPTION_ALGORITHM),
        )),
        May(Type::Of(&H245_AUTHENTICATION_CAPABILITY)),
        May(Type::Of(&H245_INTEGRITY_CAPABILITY)),
    ],
    more: &[Some(Type::Of(&H245_GENERIC_CAPABILITY_LAST))],
});
static H245_ENCRYPTION_MODE: Type = Type::Choice(&Choice {
    extensible: true,
    bits: 1,
    root: &[Type::Of(&H245_NON_STANDARD_PARAMETER), Type::Bits(0)],
    more: &[],
});
static H245_ENCRYPTION_SYNC: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 2,
    root: &[
        May(Type::Of(&H245_NON_STANDARD_PARAMETER)),
        Must(Type::Octets(1)),
        Must(Type::String(
            Size {
                least: 1,
                bits: 16,
                aligned: true,
            },
            8,
        )),
        May(Type::List(
            Size {
                least: 1,
                bits: 8,
                aligned: true,
            },
            &Type::Of(&H245_ESCROW_DATA),
        )),
    ],
    more: &[],
});
static H245_ESCROW_DATA: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 0,
    root: &[
        Must(Type::String(ANY, 8)),
        Must(Type::String(
            Size {
                least: 1,
                bits: 16,
                aligned: true,
            },
            1,
        )),
    ],
    more: &[],
});
static H245_EXTENDED_VIDEO_CAPABILITY_LAST: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 1,
    root: &[
        Must(Type::List(ANY, &Type::Of(&H245_VIDEO_CAPABILITY))),
        May(Type::List(ANY, &Type::Of(&H245_GENERIC_CAPABILITY))),
        Must(Type::Rest),
    ],
    more: &[],
});
static H245_FUNCTION_NOT_UNDERSTOOD_LAST: Type = Type::Choice(&Choice {
    extensible: false,
    bits: 2,
    root: &[
        Type::Of(&H245_REQUEST_MESSAGE_LAST),
        Type::Of(&H245_RESPONSE_MESSAGE_LAST),
        Type::Of(&H245_COMMAND_MESSAGE_LAST),
    ],
    more: &[],
});
static H245_GENERIC_CAPABILITY: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 5,
    root: &[
        Must(Type::Of(&H245_CAPABILITY_IDENTIFIER)),
        May(Type::Number(2, 0)),
        May(Type::List(ANY, &Type::Of(&H245_GENERIC_PARAMETER))),
        May(Type::List(ANY, &Type::Of(&H245_GENERIC_PARAMETER))),
        May(Type::String(ANY, 8)),
        May(Type::Of(&H245_DATA_PROTOCOL_CAPABILITY)),
    ],
    more: &[],
});
static H245_GENERIC_CAPABILITY_LAST: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 5,
    root: &[
        Must(Type::Of(&H245_CAPABILITY_IDENTIFIER)),
        May(Type::Number(2, 0)),
        May(Type::List(ANY, &Type::Of(&H245_GENERIC_PARAMETER))),
        May(Type::List(ANY, &Type::Of(&H245_GENERIC_PARAMETER))),
        May(Type::String(ANY, 8)),
        May(Type::Of(&H245_DATA_PROTOCOL_CAPABILITY)),
        Must(Type::Rest),
    ],
    more: &[],
});
static H245_GENERIC_PARAMETER: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 1,
    root: &[
        Must(Type::Of(&H245_PARAMETER_IDENTIFIER)),
        Must(Type::Of(&H245_PARAMETER_VALUE)),
        May(Type::List(ANY, &Type::Of(&H245_PARAMETER_IDENTIFIER))),
    ],
    more: &[],
});
static H245_H222_LOGICAL_CHANNEL_PARAMETERS: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 3,
    root: &[
        Must(Type::Octets(2)),
        Must(Type::Octets(2)),
        May(Type::Octets(2)),
        May(Type::String(ANY, 8)),
        May(Type::String(ANY, 8)),
    ],
    more: &[],
});
static H245_H223_LOGICAL_CHANNEL_PARAMETERS: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 0,
    root: &[
        Must(Type::Choice(&Choice {
            extensible: true,
            bits: 3,
            root: &[
                Type::Of(&H245_NON_STANDARD_PARAMETER),
                Type::Bits(0),
                Type::Bits(0),
                Type::Bits(0),
                Type::Bits(0),
                Type::Sequence(&Sequence {
                    extensible: false,
                    optional: 0,
                    root: &[Must(Type::Bits(2)), Must(Type::Number(2, 0))],
                    more: &[],
                }),
            ],
            more: &[],
        })),
        Must(Type::Bits(1)),
    ],
    more: &[],
});
static H245_H2250_LOGICAL_CHANNEL_ACK_PARAMETERS_LAST: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 5,
    root: &[
        May(Type::List(ANY, &Type::Of(&H245_NON_STANDARD_PARAMETER))),
        May(Type::Bits(8)),
        May(Type::At(Place::Media, &Type::Of(&H245_TRANSPORT_ADDRESS))),
        May(Type::At(
            Place::MediaControl,
            &Type::Of(&H245_TRANSPORT_ADDRESS),
        )),
        May(Type::Bits(5)),
    ],
    more: &[
        None,
        None,
        Some(Type::Of(&H245_MULTIPLE_PAYLOAD_STREAM_LAST)),
    ],
});
static H245_H2250_LOGICAL_CHANNEL_PARAMETERS_LAST: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 10,
    root: &[
        May(Type::List(ANY, &Type::Of(&H245_NON_STANDARD_PARAMETER))),
        Must(Type::Octets(1)),
        May(Type::Bits(8)),
        May(Type::At(Place::Media, &Type::Of(&H245_TRANSPORT_ADDRESS))),
        May(Type::Bits(1)),
        May(Type::At(
            Place::MediaControl,
            &Type::Of(&H245_TRANSPORT_ADDRESS),
        )),
        May(Type::Bits(1)),
        May(Type::Bits(1)),
        May(Type::Of(&H245_TERMINAL_LABEL)),
        May(Type::Bits(5)),
        May(Type::Choice(&Choice {
            extensible: true,
            bits: 0,
            root: &[Type::Bits(0)],
            more: &[],
        })),
    ],
    more: &[None, Some(Type::Of(&H245_REDUNDANCY_ENCODING_LAST))],
});
static H245_H235_MEDIA_LAST: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 0,
    root: &[
        Must(Type::Of(&H245_ENCRYPTION_AUTHENTICATION_AND_INTEGRITY)),
        Must(Type::Choice(&Choice {
            extensible: true,
            bits: 2,
            root: &[
                Type::Of(&H245_NON_STANDARD_PARAMETER),
                Type::Of(&H245_VIDEO_CAPABILITY),
                Type::Of(&H245_AUDIO_CAPABILITY),
                Type::Of(&H245_DATA_APPLICATION_CAPABILITY),
            ],
            more: &[
                Some(Type::Of(&H245_REDUNDANCY_ENCODING_LAST)),
                Some(Type::Of(&H245_MULTIPLE_PAYLOAD_STREAM_LAST)),
            ],
        })),
        Must(Type::Rest),
    ],
    more: &[],
});
static H245_H261_VIDEO_CAPABILITY: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 2,
    root: &[
        May(Type::Bits(2)),
        May(Type::Bits(2)),
        Must(Type::Bits(1)),
        Must(Type::Octets(2)),
        Must(Type::Bits(1)),
    ],
    more: &[],
});
static H245_H262_VIDEO_CAPABILITY: Type = Type::Sequence(&Sequence {
    extensible: false,
    optional: 6,
    root: &[
        Must(Type::Bits(1)),
        Must(Type::Bits(1)),
        Must(Type::Bits(1)),
        Must(Type::Bits(1)),
        Must(Type::Bits(1)),
        Must(Type::Bits(1)),
        Must(Type::Bits(1)),
        Must(Type::Bits(1)),
        Must(Type::Bits(1)),
        Must(Type::Bits(1)),
        Must(Type::Bits(1)),
        May(Type::Number(2, 0)),
        May(Type::Number(2, 0)),
        May(Type::Octets(2)),
        May(Type::Octets(2)),
        May(Type::Bits(4)),
        May(Type::Number(2, 0)),
        Must(Type::Bits(1)),
    ],
    more: &[],
});
static H245_H263_VIDEO_CAPABILITY: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 7,
    root: &[
        May(Type::Bits(5)),
        May(Type::Bits(5)),
        May(Type::Bits(5)),
        May(Type::Bits(5)),
        May(Type::Bits(5)),
        Must(Type::Number(2, 1)),
        Must(Type::Bits(1)),
        Must(Type::Bits(1)),
        Must(Type::Bits(1)),
        Must(Type::Bits(1)),
        Must(Type::Bits(1)),
        May(Type::Number(2, 0)),
        May(Type::Octets(2)),
    ],
    more: &[],
});
static H245_INDICATION_MESSAGE_LAST: Type = Type::Choice(&Choice {
    extensible: true,
    bits: 4,
    root: &[
        Type::Rest,
        Type::Of(&H245_FUNCTION_NOT_UNDERSTOOD_LAST),
        Type::Rest,
        Type::Rest,
        Type::Rest,
        Type::Rest,
        Type::Rest,
        Type::Rest,
        Type::Rest,
        Type::Rest,
        Type::Rest,
        Type::Rest,
        Type::Rest,
        Type::Rest,
    ],
    more: &[None, Some(Type::Of(&H245_MCLOCATION_INDICATION_LAST))],
});
static H245_INTEGRITY_CAPABILITY: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 1,
    root: &[May(Type::Of(&H245_NON_STANDARD_PARAMETER))],
    more: &[],
});
static H245_IS11172_AUDIO_CAPABILITY: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 0,
    root: &[
        Must(Type::Bits(1)),
        Must(Type::Bits(1)),
        Must(Type::Bits(1)),
        Must(Type::Bits(1)),
        Must(Type::Bits(1)),
        Must(Type::Bits(1)),
        Must(Type::Bits(1)),
        Must(Type::Bits(1)),
        Must(Type::Octets(2)),
    ],
    more: &[],
});
static H245_IS11172_VIDEO_CAPABILITY: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 6,
    root: &[
        Must(Type::Bits(1)),
        May(Type::Number(2, 0)),
        May(Type::Number(2, 0)),
        May(Type::Octets(2)),
        May(Type::Octets(2)),
        May(Type::Bits(4)),
        May(Type::Number(2, 0)),
    ],
    more: &[],
});
static H245_IS13818_AUDIO_CAPABILITY: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 0,
    root: &[
        Must(Type::Bits(1)),
        Must(Type::Bits(1)),
        Must(Type::Bits(1)),
        Must(Type::Bits(1)),
        Must(Type::Bits(1)),
        Must(Type::Bits(1)),
        Must(Type::Bits(1)),
        Must(Type::Bits(1)),
        Must(Type::Bits(1)),
        Must(Type::Bits(1)),
        Must(Type::Bits(1)),
        Must(Type::Bits(1)),
        Must(Type::Bits(1)),
        Must(Type::Bits(1)),
        Must(Type::Bits(1)),
        Must(Type::Bits(1)),
        Must(Type::Bits(1)),
        Must(Type::Bits(1)),
        Must(Type::Bits(1)),
        Must(Type::Bits(1)),
        Must(Type::Octets(2)),
    ],
    more: &[],
});
static H245_MCLOCATION_INDICATION_LAST: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 0,
    root: &[
        Must(Type::At(
            Place::Signalling,
            &Type::Of(&H245_TRANSPORT_ADDRESS),
        )),
        Must(Type::Rest),
    ],
    more: &[],
});
static H245_MEDIA_ENCRYPTION_ALGORITHM: Type = Type::Choice(&Choice {
    extensible: true,
    bits: 1,
    root: &[Type::Of(&H245_NON_STANDARD_PARAMETER), Type::String(ANY, 8)],
    more: &[],
});
static H245_MISCELLANEOUS_COMMAND_LAST: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 0,
    root: &[
        Must(Type::Octets(2)),
        Must(Type::Choice(&Choice {
            extensible: true,
            bits: 4,
            root: &[
                Type::Bits(0),
                Type::Bits(0),
                Type::Bits(0),
                Type::Bits(0),
                Type::Bits(0),
                Type::Bits(0),
                Type::Sequence(&Sequence {
                    extensible: false,
                    optional: 0,
                    root: &[Must(Type::Bits(5)), Must(Type::Bits(5))],
                    more: &[],
                }),
                Type::Bits(5),
                Type::Bits(0),
                Type::Bits(0),
            ],
            more: &[
                None,
                None,
                None,
                None,
                None,
                None,
                None,
                None,
                None,
                None,
                None,
                None,
                None,
                Some(Type::Sequence(&Sequence {
                    extensible: true,
                    optional: 1,
                    root: &[
                        Must(Type::Of(&H245_ENCRYPTION_SYNC)),
                        May(Type::Of(&H245_MULTIPLE_PAYLOAD_STREAM)),
                        Must(Type::Rest),
                    ],
                    more: &[],
                })),
            ],
        })),
        Must(Type::Rest),
    ],
    more: &[],
});
static H245_MULTICAST_ADDRESS: Type = Type::Choice(&Choice {
    extensible: true,
    bits: 1,
    root: &[
        Type::Sequence(&Sequence {
            extensible: true,
            optional: 0,
            root: &[Must(Type::Address)],
            more: &[],
        }),
        Type::Sequence(&Sequence {
            extensible: true,
            optional: 0,
            root: &[Must(Type::Octets(16)), Must(Type::Octets(2))],
            more: &[],
        }),
    ],
    more: &[],
});
pub(super) static H245_MULTIMEDIA_SYSTEM_CONTROL_MESSAGE_LAST: Type = Type::Choice(&Choice {
    extensible: true,
    bits: 2,
    root: &[
        Type::Of(&H245_REQUEST_MESSAGE_LAST),
        Type::Of(&H245_RESPONSE_MESSAGE_LAST),
        Type::Of(&H245_COMMAND_MESSAGE_LAST),
        Type::Of(&H245_INDICATION_MESSAGE_LAST),
    ],
    more: &[],
});
static H245_MULTIPLE_PAYLOAD_STREAM: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 0,
    root: &[Must(Type::List(
        ANY,
        &Type::Of(&H245_MULTIPLE_PAYLOAD_STREAM_ELEMENT),
    ))],
    more: &[],
});
static H245_MULTIPLE_PAYLOAD_STREAM_ELEMENT: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 1,
    root: &[Must(Type::Of(&H245_DATA_TYPE)), May(Type::Bits(7))],
    more: &[],
});
static H245_MULTIPLE_PAYLOAD_STREAM_LAST: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 0,
    root: &[
        Must(Type::List(
            ANY,
            &Type::Of(&H245_MULTIPLE_PAYLOAD_STREAM_ELEMENT),
        )),
        Must(Type::Rest),
    ],
    more: &[],
});
static H245_NETWORK_ACCESS_PARAMETERS_LAST: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 2,
    root: &[
        May(Type::Choice(&Choice {
            extensible: true,
            bits: 1,
            root: &[Type::Bits(0), Type::Bits(0)],
            more: &[],
        })),
        Must(Type::Choice(&Choice {
            extensible: true,
            bits: 2,
            root: &[
                Type::Of(&H245_Q2931_ADDRESS),
                Type::String(
                    Size {
                        least: 1,
                        bits: 7,
                        aligned: false,
                    },
                    4,
                ),
                Type::Of(&H245_TRANSPORT_ADDRESS),
            ],
            more: &[],
        })),
        Must(Type::Rest),
    ],
    more: &[],
});
static H245_NON_STANDARD_IDENTIFIER: Type = Type::Choice(&Choice {
    extensible: false,
    bits: 1,
    root: &[
        Type::String(ANY, 8),
        Type::Sequence(&Sequence {
            extensible: false,
            optional: 0,
            root: &[
                Must(Type::Octets(1)),
                Must(Type::Octets(1)),
                Must(Type::Octets(2)),
            ],
            more: &[],
        }),
    ],
    more: &[],
});
static H245_NON_STANDARD_PARAMETER: Type = Type::Sequence(&Sequence {
    extensible: false,
    optional: 0,
    root: &[
        Must(Type::Of(&H245_NON_STANDARD_IDENTIFIER)),
        Must(Type::String(ANY, 8)),
    ],
    more: &[],
});
static H245_OPEN_LOGICAL_CHANNEL_ACK_LAST: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 1,
    root: &[
        Must(Type::At(Place::Accepted, &Type::Octets(2))),
        May(Type::Sequence(&Sequence {
            extensible: true,
            optional: 2,
            root: &[
                Must(Type::Octets(2)),
                May(Type::Octets(2)),
                May(Type::Choice(&Choice {
                    extensible: true,
                    bits: 0,
                    root: &[Type::Of(&H245_H222_LOGICAL_CHANNEL_PARAMETERS)],
                    more: &[Some(Type::Of(&H245_H2250_LOGICAL_CHANNEL_PARAMETERS_LAST))],
                })),
            ],
            more: &[],
        })),
    ],
    more: &[
        Some(Type::At(
            Place::Stack,
            &Type::Of(&H245_NETWORK_ACCESS_PARAMETERS_LAST),
        )),
        Some(Type::Choice(&Choice {
            extensible: true,
            bits: 0,
            root: &[Type::Of(&H245_H2250_LOGICAL_CHANNEL_ACK_PARAMETERS_LAST)],
            more: &[],
        })),
    ],
});
pub(super) static H245_OPEN_LOGICAL_CHANNEL_LAST: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 1,
    root: &[
        Must(Type::At(Place::Offered, &Type::Octets(2))),
        Must(Type::At(
            Place::Channel,
            &Type::Sequence(&Sequence {
                extensible: true,
                optional: 1,
                root: &[
                    May(Type::Octets(2)),
                    Must(Type::Of(&H245_DATA_TYPE)),
                    Must(Type::Choice(&Choice {
                        extensible: true,
                        bits: 2,
                        root: &[
                            Type::Of(&H245_H222_LOGICAL_CHANNEL_PARAMETERS),
                            Type::Of(&H245_H223_LOGICAL_CHANNEL_PARAMETERS),
                            Type::Of(&H245_V76_LOGICAL_CHANNEL_PARAMETERS),
                        ],
                        more: &[Some(Type::Of(&H245_H2250_LOGICAL_CHANNEL_PARAMETERS_LAST))],
                    })),
                ],
                more: &[],
            }),
        )),
        May(Type::At(
            Place::Channel,
            &Type::Sequence(&Sequence {
                extensible: true,
                optional: 1,
                root: &[
                    Must(Type::Of(&H245_DATA_TYPE)),
                    May(Type::Choice(&Choice {
                        extensible: true,
                        bits: 1,
                        root: &[
                            Type::Of(&H245_H223_LOGICAL_CHANNEL_PARAMETERS),
                            Type::Of(&H245_V76_LOGICAL_CHANNEL_PARAMETERS),
                        ],
                        more: &[Some(Type::Of(&H245_H2250_LOGICAL_CHANNEL_PARAMETERS_LAST))],
                    })),
                ],
                more: &[],
            }),
        )),
    ],
    more: &[Some(Type::At(
        Place::Stack,
        &Type::Of(&H245_NETWORK_ACCESS_PARAMETERS_LAST),
    ))],
});
static H245_PARAMETER_IDENTIFIER: Type = Type::Choice(&Choice {
    extensible: true,
    bits: 2,
    root: &[
        Type::Bits(7),
        Type::Of(&H245_NON_STANDARD_PARAMETER),
        Type::Octets(16),
        Type::String(
            Size {
                least: 1,
                bits: 6,
                aligned: false,
            },
            8,
        ),
    ],
    more: &[],
});
static H245_PARAMETER_VALUE: Type = Type::Choice(&Choice {
    extensible: true,
    bits: 3,
    root: &[
        Type::Bits(0),
        Type::Octets(1),
        Type::Octets(2),
        Type::Octets(2),
        Type::Number(2, 0),
        Type::Number(2, 0),
        Type::String(ANY, 8),
        Type::List(ANY, &Type::Of(&H245_GENERIC_PARAMETER)),
    ],
    more: &[],
});
static H245_Q2931_ADDRESS: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 1,
    root: &[
        Must(Type::Choice(&Choice {
            extensible: true,
            bits: 1,
            root: &[
                Type::String(
                    Size {
                        least: 1,
                        bits: 4,
                        aligned: false,
                    },
                    4,
                ),
                Type::String(
                    Size {
                        least: 1,
                        bits: 5,
                        aligned: false,
                    },
                    8,
                ),
            ],
            more: &[],
        })),
        May(Type::String(
            Size {
                least: 1,
                bits: 5,
                aligned: false,
            },
            8,
        )),
    ],
    more: &[],
});
static H245_REDUNDANCY_ENCODING_ELEMENT: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 1,
    root: &[Must(Type::Of(&H245_DATA_TYPE)), May(Type::Bits(7))],
    more: &[],
});
static H245_REDUNDANCY_ENCODING_LAST: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 1,
    root: &[
        Must(Type::Of(&H245_REDUNDANCY_ENCODING_METHOD)),
        May(Type::Of(&H245_DATA_TYPE)),
    ],
    more: &[Some(Type::Sequence(&Sequence {
        extensible: true,
        optional: 2,
        root: &[
            May(Type::Of(&H245_REDUNDANCY_ENCODING_ELEMENT)),
            May(Type::List(
                ANY,
                &Type::Of(&H245_REDUNDANCY_ENCODING_ELEMENT),
            )),
            Must(Type::Rest),
        ],
        more: &[],
    }))],
});
static H245_REDUNDANCY_ENCODING_METHOD: Type = Type::Choice(&Choice {
    extensible: true,
    bits: 1,
    root: &[Type::Of(&H245_NON_STANDARD_PARAMETER), Type::Bits(0)],
    more: &[],
});
static H245_REQUEST_MESSAGE_LAST: Type = Type::Choice(&Choice {
    extensible: true,
    bits: 4,
    root: &[
        Type::Rest,
        Type::Rest,
        Type::Rest,
        Type::Of(&H245_OPEN_LOGICAL_CHANNEL_LAST),
        Type::Rest,
        Type::Rest,
        Type::Rest,
        Type::Rest,
        Type::Rest,
        Type::Rest,
        Type::Rest,
    ],
    more: &[],
});
static H245_RESPONSE_MESSAGE_LAST: Type = Type::Choice(&Choice {
    extensible: true,
    bits: 5,
    root: &[
        Type::Rest,
        Type::Rest,
        Type::Rest,
        Type::Rest,
        Type::Rest,
        Type::Of(&H245_OPEN_LOGICAL_CHANNEL_ACK_LAST),
        Type::Rest,
        Type::Rest,
        Type::Rest,
        Type::Rest,
        Type::Rest,
        Type::Rest,
        Type::Rest,
        Type::Rest,
        Type::Rest,
        Type::Rest,
        Type::Rest,
        Type::Rest,
        Type::Rest,
    ],
    more: &[Some(Type::Of(&H245_COMMUNICATION_MODE_RESPONSE_LAST))],
});
static H245_SECURITY: Type = Type::Choice(&Choice {
    extensible: true,
    bits: 2,
    root: &[
        Type::Of(&NON_STANDARD_PARAMETER),
        Type::Bits(0),
        Type::Of(&SECURITY_CAPABILITIES),
        Type::Of(&SECURITY_CAPABILITIES),
    ],
    more: &[],
});
static H245_T84_PROFILE: Type = Type::Choice(&Choice {
    extensible: false,
    bits: 1,
    root: &[
        Type::Bits(0),
        Type::Sequence(&Sequence {
            extensible: true,
            optional: 0,
            root: &[
                Must(Type::Bits(1)),
                Must(Type::Bits(1)),
                Must(Type::Bits(1)),
                Must(Type::Bits(1)),
                Must(Type::Bits(1)),
                Must(Type::Bits(1)),
                Must(Type::Bits(1)),
                Must(Type::Bits(1)),
                Must(Type::Bits(1)),
                Must(Type::Bits(1)),
                Must(Type::Bits(1)),
                Must(Type::Bits(1)),
                Must(Type::Bits(1)),
                Must(Type::Bits(1)),
                Must(Type::Bits(1)),
                Must(Type::Bits(1)),
                Must(Type::Bits(1)),
                Must(Type::Bits(1)),
                Must(Type::Bits(1)),
            ],
            more: &[],
        }),
    ],
    more: &[],
});
static H245_TERMINAL_LABEL: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 0,
    root: &[Must(Type::Bits(8)), Must(Type::Bits(8))],
    more: &[],
});
static H245_TRANSPORT_ADDRESS: Type = Type::Choice(&Choice {
    extensible: true,
    bits: 1,
    root: &[
        Type::Of(&H245_UNICAST_ADDRESS),
        Type::Of(&H245_MULTICAST_ADDRESS),
    ],
    more: &[],
});
static H245_UNICAST_ADDRESS: Type = Type::Choice(&Choice {
    extensible: true,
    bits: 3,
    root: &[
        Type::Sequence(&Sequence {
            extensible: true,
            optional: 0,
            root: &[Must(Type::Address)],
            more: &[],
        }),
        Type::Sequence(&Sequence {
            extensible: true,
            optional: 0,
            root: &[
                Must(Type::Octets(6)),
                Must(Type::Octets(4)),
                Must(Type::Bits(16)),
            ],
            more: &[],
        }),
        Type::Sequence(&Sequence {
            extensible: true,
            optional: 0,
            root: &[Must(Type::Octets(16)), Must(Type::Octets(2))],
            more: &[],
        }),
        Type::Octets(16),
        Type::Sequence(&Sequence {
            extensible: true,
            optional: 0,
            root: &[
                Must(Type::Choice(&Choice {
                    extensible: false,
                    bits: 1,
                    root: &[Type::Bits(0), Type::Bits(0)],
                    more: &[],
                })),
                Must(Type::Address),
                Must(Type::List(ANY, &Type::Octets(4))),
            ],
            more: &[],
        }),
    ],
    more: &[],
});
static H245_V75_PARAMETERS: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 0,
    root: &[Must(Type::Bits(1))],
    more: &[],
});
static H245_V76HDLCPARAMETERS: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 0,
    root: &[
        Must(Type::Of(&H245_CRCLENGTH)),
        Must(Type::Octets(2)),
        Must(Type::Bits(1)),
    ],
    more: &[],
});
static H245_V76_LOGICAL_CHANNEL_PARAMETERS: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 0,
    root: &[
        Must(Type::Of(&H245_V76HDLCPARAMETERS)),
        Must(Type::Choice(&Choice {
            extensible: true,
            bits: 2,
            root: &[Type::Bits(0), Type::Bits(0), Type::Bits(0)],
            more: &[],
        })),
        Must(Type::Bits(1)),
        Must(Type::Choice(&Choice {
            extensible: true,
            bits: 1,
            root: &[
                Type::Sequence(&Sequence {
                    extensible: true,
                    optional: 0,
                    root: &[
                        Must(Type::Bits(7)),
                        Must(Type::Choice(&Choice {
                            extensible: true,
                            bits: 2,
                            root: &[Type::Bits(0), Type::Bits(0), Type::Bits(0)],
                            more: &[],
                        })),
                    ],
                    more: &[],
                }),
                Type::Bits(0),
            ],
            more: &[],
        })),
        Must(Type::Of(&H245_V75_PARAMETERS)),
    ],
    more: &[],
});
static H245_VBDCAPABILITY_LAST: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 0,
    root: &[Must(Type::Of(&H245_AUDIO_CAPABILITY)), Must(Type::Rest)],
    more: &[],
});
static H245_VIDEO_CAPABILITY: Type = Type::Choice(&Choice {
    extensible: true,
    bits: 3,
    root: &[
        Type::Of(&H245_NON_STANDARD_PARAMETER),
        Type::Of(&H245_H261_VIDEO_CAPABILITY),
        Type::Of(&H245_H262_VIDEO_CAPABILITY),
        Type::Of(&H245_H263_VIDEO_CAPABILITY),
        Type::Of(&H245_IS11172_VIDEO_CAPABILITY),
    ],
    more: &[
        Some(Type::Of(&H245_GENERIC_CAPABILITY_LAST)),
        Some(Type::Of(&H245_EXTENDED_VIDEO_CAPABILITY_LAST)),
    ],
});
static H310_CAPS: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 1,
    root: &[May(Type::Of(&NON_STANDARD_PARAMETER))],
    more: &[None, Some(Type::List(ANY, &Type::Of(&SUPPORTED_PREFIX)))],
});
static H320_CAPS: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 1,
    root: &[May(Type::Of(&NON_STANDARD_PARAMETER))],
    more: &[None, Some(Type::List(ANY, &Type::Of(&SUPPORTED_PREFIX)))],
});
static H321_CAPS: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 1,
    root: &[May(Type::Of(&NON_STANDARD_PARAMETER))],
    more: &[None, Some(Type::List(ANY, &Type::Of(&SUPPORTED_PREFIX)))],
});
static H322_CAPS: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 1,
    root: &[May(Type::Of(&NON_STANDARD_PARAMETER))],
    more: &[None, Some(Type::List(ANY, &Type::Of(&SUPPORTED_PREFIX)))],
});
static H323_CAPS: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 1,
    root: &[May(Type::Of(&NON_STANDARD_PARAMETER))],
    more: &[None, Some(Type::List(ANY, &Type::Of(&SUPPORTED_PREFIX)))],
});
pub(super) static H323_USER_INFORMATION_LAST: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 1,
    root: &[Must(Type::Of(&H323_UU_PDU)), Must(Type::Rest)],
    more: &[],
});
static H323_UU_PDU: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 1,
    root: &[
        Must(Type::Choice(&Choice {
            extensible: true,
            bits: 3,
            root: &[
                Type::Of(&SETUP_UUIE),
                Type::Of(&CALL_PROCEEDING_UUIE),
                Type::Of(&CONNECT_UUIE),
                Type::Of(&ALERTING_UUIE),
                Type::Of(&INFORMATION_UUIE),
                Type::Of(&RELEASE_COMPLETE_UUIE),
                Type::Of(&FACILITY_UUIE),
            ],
            more: &[
                Some(Type::Of(&PROGRESS_UUIE_LAST)),
                None,
                None,
                None,
                None,
                Some(Type::Of(&NOTIFY_UUIE_LAST)),
            ],
        })),
        May(Type::Of(&NON_STANDARD_PARAMETER)),
    ],
    more: &[
        Some(Type::List(
            ANY,
            &Type::Holds(&super::h450::SUPPLEMENTARY_SERVICE),
        )),
        None,
        Some(Type::List(
            ANY,
            &Type::Holds(&Type::Of(&H245_MULTIMEDIA_SYSTEM_CONTROL_MESSAGE_LAST)),
        )),
    ],
});
static H324_CAPS: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 1,
    root: &[May(Type::Of(&NON_STANDARD_PARAMETER))],
    more: &[None, Some(Type::List(ANY, &Type::Of(&SUPPORTED_PREFIX)))],
});
static INFORMATION_UUIE: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 0,
    root: &[Must(Type::String(ANY, 8))],
    more: &[
        None,
        None,
        None,
        Some(Type::List(
            ANY,
            &Type::Holds(&Type::Of(&H245_OPEN_LOGICAL_CHANNEL_LAST)),
        )),
    ],
});
static INFO_REQUEST_LAST: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 2,
    root: &[
        Must(Type::Octets(2)),
        Must(Type::Octets(2)),
        May(Type::Of(&NON_STANDARD_PARAMETER)),
        May(Type::At(Place::Ras, &Type::Of(&TRANSPORT_ADDRESS))),
    ],
    more: &[
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        Some(Type::Of(&ALTERNATE_GK_LAST)),
    ],
});
static INFO_REQUEST_NAK_LAST: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 5,
    root: &[
        Must(Type::Octets(2)),
        May(Type::Of(&NON_STANDARD_PARAMETER)),
        Must(Type::Of(&INFO_REQUEST_NAK_REASON)),
        May(Type::Of(&ALT_GKINFO)),
        Must(Type::Rest),
    ],
    more: &[],
});
static INFO_REQUEST_NAK_REASON: Type = Type::Choice(&Choice {
    extensible: true,
    bits: 2,
    root: &[Type::Bits(0), Type::Bits(0), Type::Bits(0)],
    more: &[],
});
static INFO_REQUEST_RESPONSE_LAST: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 3,
    root: &[
        May(Type::Of(&NON_STANDARD_PARAMETER)),
        Must(Type::Octets(2)),
        Must(Type::Of(&ENDPOINT_TYPE)),
        Must(Type::String(
            Size {
                least: 1,
                bits: 7,
                aligned: false,
            },
            16,
        )),
        Must(Type::At(Place::NamedUdp, &Type::Of(&TRANSPORT_ADDRESS))),
        Must(Type::At(
            Place::NamedTcp,
            &Type::List(ANY, &Type::Of(&TRANSPORT_ADDRESS)),
        )),
        May(Type::List(ANY, &Type::Of(&ALIAS_ADDRESS))),
        May(Type::List(
            ANY,
            &Type::Sequence(&Sequence {
                extensible: true,
                optional: 5,
                root: &[
                    May(Type::Of(&NON_STANDARD_PARAMETER)),
                    Must(Type::Octets(2)),
                    Must(Type::Octets(16)),
                    May(Type::Bits(1)),
                    May(Type::List(ANY, &Type::Of(&RTPSESSION))),
                    May(Type::List(ANY, &Type::Of(&RTPSESSION))),
                    May(Type::List(ANY, &Type::Of(&TRANSPORT_CHANNEL_INFO))),
                    Must(Type::At(
                        Place::NamedTcp,
                        &Type::Of(&TRANSPORT_CHANNEL_INFO),
                    )),
                    Must(Type::At(
                        Place::NamedTcp,
                        &Type::Of(&TRANSPORT_CHANNEL_INFO),
                    )),
                    Must(Type::Of(&CALL_TYPE)),
                    Must(Type::Number(2, 0)),
                    Must(Type::Of(&CALL_MODEL)),
                ],
                more: &[
                    None,
                    None,
                    None,
                    None,
                    Some(Type::List(
                        ANY,
                        &Type::Sequence(&Sequence {
                            extensible: false,
                            optional: 0,
                            root: &[Must(Type::Of(&H323_UU_PDU)), Must(Type::Bits(1))],
                            more: &[],
                        }),
                    )),
                ],
            }),
        )),
        Must(Type::Rest),
    ],
    more: &[],
});
static LOCATION_CONFIRM_LAST: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 1,
    root: &[
        Must(Type::Octets(2)),
        Must(Type::At(Place::Signalling, &Type::Of(&TRANSPORT_ADDRESS))),
        Must(Type::At(Place::Ras, &Type::Of(&TRANSPORT_ADDRESS))),
        May(Type::Of(&NON_STANDARD_PARAMETER)),
    ],
    more: &[
        Some(Type::List(ANY, &Type::Of(&ALIAS_ADDRESS))),
        Some(Type::List(ANY, &Type::Of(&ALIAS_ADDRESS))),
        Some(Type::Of(&ENDPOINT_TYPE_LAST)),
        Some(Type::List(ANY, &Type::Of(&ALIAS_ADDRESS))),
        Some(Type::List(ANY, &Type::Of(&ENDPOINT))),
        None,
        None,
        None,
        Some(Type::Of(&ALTERNATE_TRANSPORT_ADDRESSES_LAST)),
        Some(Type::List(ANY, &Type::Of(&SUPPORTED_PROTOCOLS))),
        None,
        None,
        None,
        None,
        None,
        Some(Type::List(ANY, &Type::Of(&ALIAS_ADDRESS))),
    ],
});
static LOCATION_REJECT_LAST: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 1,
    root: &[
        Must(Type::Octets(2)),
        Must(Type::Of(&LOCATION_REJECT_REASON)),
        May(Type::Of(&NON_STANDARD_PARAMETER)),
    ],
    more: &[Some(Type::Of(&ALT_GKINFO_LAST))],
});
static LOCATION_REJECT_REASON: Type = Type::Choice(&Choice {
    extensible: true,
    bits: 2,
    root: &[Type::Bits(0), Type::Bits(0), Type::Bits(0), Type::Bits(0)],
    more: &[],
});
static LOCATION_REQUEST_LAST: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 2,
    root: &[
        Must(Type::Octets(2)),
        May(Type::String(
            Size {
                least: 1,
                bits: 7,
                aligned: false,
            },
            16,
        )),
        Must(Type::List(ANY, &Type::Of(&ALIAS_ADDRESS))),
        May(Type::Of(&NON_STANDARD_PARAMETER)),
        Must(Type::At(Place::Ras, &Type::Of(&TRANSPORT_ADDRESS))),
    ],
    more: &[
        Some(Type::List(ANY, &Type::Of(&ALIAS_ADDRESS))),
        None,
        None,
        None,
        None,
        None,
        Some(Type::List(ANY, &Type::Of(&SUPPORTED_PROTOCOLS))),
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        Some(Type::List(ANY, &Type::Of(&ALIAS_ADDRESS))),
    ],
});
static MCU_INFO: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 1,
    root: &[May(Type::Of(&NON_STANDARD_PARAMETER))],
    more: &[Some(Type::List(ANY, &Type::Of(&SUPPORTED_PROTOCOLS)))],
});
static NON_STANDARD_IDENTIFIER: Type = Type::Choice(&Choice {
    extensible: true,
    bits: 1,
    root: &[Type::String(ANY, 8), Type::Of(&H221_NON_STANDARD)],
    more: &[],
});
pub(super) static NON_STANDARD_PARAMETER: Type = Type::Sequence(&Sequence {
    extensible: false,
    optional: 0,
    root: &[
        Must(Type::Of(&NON_STANDARD_IDENTIFIER)),
        Must(Type::String(ANY, 8)),
    ],
    more: &[],
});
static NON_STANDARD_PROTOCOL_LAST: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 2,
    root: &[
        May(Type::Of(&NON_STANDARD_PARAMETER)),
        May(Type::List(ANY, &Type::Of(&DATA_RATE))),
        Must(Type::List(ANY, &Type::Of(&SUPPORTED_PREFIX))),
        Must(Type::Rest),
    ],
    more: &[],
});
static NOTIFY_UUIE_LAST: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 2,
    root: &[
        Must(Type::String(ANY, 8)),
        Must(Type::Of(&CALL_IDENTIFIER)),
        May(Type::List(ANY, &Type::Of(&H235_CLEAR_TOKEN))),
        May(Type::List(ANY, &Type::Of(&CRYPTO_H323_TOKEN))),
    ],
    more: &[
        Some(Type::List(ANY, &Type::Of(&ALIAS_ADDRESS))),
        None,
        None,
        Some(Type::Of(&ENDPOINT_TYPE_LAST)),
    ],
});
static PARTY_NUMBER: Type = Type::Choice(&Choice {
    extensible: true,
    bits: 3,
    root: &[
        Type::Of(&PUBLIC_PARTY_NUMBER),
        Type::String(
            Size {
                least: 1,
                bits: 7,
                aligned: false,
            },
            4,
        ),
        Type::String(
            Size {
                least: 1,
                bits: 7,
                aligned: false,
            },
            4,
        ),
        Type::Of(&PRIVATE_PARTY_NUMBER),
        Type::String(
            Size {
                least: 1,
                bits: 7,
                aligned: false,
            },
            4,
        ),
    ],
    more: &[],
});
static PRESENTATION_INDICATOR: Type = Type::Choice(&Choice {
    extensible: true,
    bits: 2,
    root: &[Type::Bits(0), Type::Bits(0), Type::Bits(0)],
    more: &[],
});
static PRIVATE_PARTY_NUMBER: Type = Type::Sequence(&Sequence {
    extensible: false,
    optional: 0,
    root: &[
        Must(Type::Of(&PRIVATE_TYPE_OF_NUMBER)),
        Must(Type::String(
            Size {
                least: 1,
                bits: 7,
                aligned: false,
            },
            4,
        )),
    ],
    more: &[],
});
static PRIVATE_TYPE_OF_NUMBER: Type = Type::Choice(&Choice {
    extensible: true,
    bits: 3,
    root: &[
        Type::Bits(0),
        Type::Bits(0),
        Type::Bits(0),
        Type::Bits(0),
        Type::Bits(0),
        Type::Bits(0),
    ],
    more: &[],
});
static PROGRESS_UUIE_LAST: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 5,
    root: &[
        Must(Type::String(ANY, 8)),
        Must(Type::Of(&ENDPOINT_TYPE)),
        May(Type::At(Place::Control, &Type::Of(&TRANSPORT_ADDRESS))),
        Must(Type::Of(&CALL_IDENTIFIER)),
        May(Type::Of(&H245_SECURITY)),
        May(Type::List(ANY, &Type::Of(&H235_CLEAR_TOKEN))),
        May(Type::List(ANY, &Type::Of(&CRYPTO_H323_TOKEN))),
        May(Type::List(
            ANY,
            &Type::Holds(&Type::Of(&H245_OPEN_LOGICAL_CHANNEL_LAST)),
        )),
        Must(Type::Rest),
    ],
    more: &[],
});
static PUBLIC_PARTY_NUMBER: Type = Type::Sequence(&Sequence {
    extensible: false,
    optional: 0,
    root: &[
        Must(Type::Of(&PUBLIC_TYPE_OF_NUMBER)),
        Must(Type::String(
            Size {
                least: 1,
                bits: 7,
                aligned: false,
            },
            4,
        )),
    ],
    more: &[],
});
static PUBLIC_TYPE_OF_NUMBER: Type = Type::Choice(&Choice {
    extensible: true,
    bits: 3,
    root: &[
        Type::Bits(0),
        Type::Bits(0),
        Type::Bits(0),
        Type::Bits(0),
        Type::Bits(0),
        Type::Bits(0),
    ],
    more: &[],
});
static Q954_DETAILS: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 0,
    root: &[Must(Type::Bits(1)), Must(Type::Bits(1))],
    more: &[],
});
static QSERIES_OPTIONS: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 0,
    root: &[
        Must(Type::Bits(1)),
        Must(Type::Bits(1)),
        Must(Type::Bits(1)),
        Must(Type::Bits(1)),
        Must(Type::Bits(1)),
        Must(Type::Bits(1)),
        Must(Type::Bits(1)),
        Must(Type::Of(&Q954_DETAILS)),
    ],
    more: &[],
});
pub(super) static RAS_MESSAGE_LAST: Type = Type::Choice(&Choice {
    extensible: true,
    bits: 5,
    root: &[
        Type::Of(&GATEKEEPER_REQUEST_LAST),
        Type::Of(&GATEKEEPER_CONFIRM_LAST),
        Type::Of(&GATEKEEPER_REJECT_LAST),
        Type::Of(&REGISTRATION_REQUEST_LAST),
        Type::Of(&REGISTRATION_CONFIRM_LAST),
        Type::Of(&REGISTRATION_REJECT_LAST),
        Type::Of(&UNREGISTRATION_REQUEST_LAST),
        Type::Of(&UNREGISTRATION_CONFIRM_LAST),
        Type::Of(&UNREGISTRATION_REJECT_LAST),
        Type::Of(&ADMISSION_REQUEST_LAST),
        Type::Of(&ADMISSION_CONFIRM_LAST),
        Type::Of(&ADMISSION_REJECT_LAST),
        Type::Of(&BANDWIDTH_REQUEST_LAST),
        Type::Rest,
        Type::Of(&BANDWIDTH_REJECT_LAST),
        Type::Rest,
        Type::Of(&DISENGAGE_CONFIRM_LAST),
        Type::Of(&DISENGAGE_REJECT_LAST),
        Type::Of(&LOCATION_REQUEST_LAST),
        Type::Of(&LOCATION_CONFIRM_LAST),
        Type::Of(&LOCATION_REJECT_LAST),
        Type::Of(&INFO_REQUEST_LAST),
        Type::Of(&INFO_REQUEST_RESPONSE_LAST),
        Type::Rest,
        Type::Rest,
    ],
    more: &[
        None,
        Some(Type::Of(&RESOURCES_AVAILABLE_INDICATE_LAST)),
        None,
        None,
        Some(Type::Of(&INFO_REQUEST_NAK_LAST)),
        None,
        None,
        Some(Type::List(ANY, &Type::Of(&ADMISSION_CONFIRM))),
    ],
});
static REGISTRATION_CONFIRM_LAST: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 3,
    root: &[
        Must(Type::Octets(2)),
        Must(Type::String(ANY, 8)),
        May(Type::Of(&NON_STANDARD_PARAMETER)),
        Must(Type::At(
            Place::Signalling,
            &Type::List(ANY, &Type::Of(&TRANSPORT_ADDRESS)),
        )),
        May(Type::List(ANY, &Type::Of(&ALIAS_ADDRESS))),
        May(Type::String(
            Size {
                least: 1,
                bits: 7,
                aligned: false,
            },
            16,
        )),
        Must(Type::String(
            Size {
                least: 1,
                bits: 7,
                aligned: false,
            },
            16,
        )),
    ],
    more: &[
        Some(Type::List(ANY, &Type::Of(&ALTERNATE_GK))),
        Some(Type::At(Place::TimeToLive, &Type::Number(2, 1))),
        None,
        None,
        None,
        None,
        Some(Type::Sequence(&Sequence {
            extensible: true,
            optional: 0,
            root: &[
                Must(Type::Bits(1)),
                Must(Type::Bits(1)),
                Must(Type::Bits(1)),
                Must(Type::Bits(1)),
            ],
            more: &[
                None,
                None,
                Some(Type::Of(&ALTERNATE_TRANSPORT_ADDRESSES_LAST)),
            ],
        })),
        None,
        None,
        None,
        Some(Type::List(ANY, &Type::Of(&ADDRESS_PATTERN))),
        Some(Type::List(ANY, &Type::Of(&SUPPORTED_PREFIX))),
        None,
        Some(Type::Of(&ALIAS_ADDRESS_LAST)),
        None,
        None,
        None,
        Some(Type::Of(&ALTERNATE_GK_LAST)),
    ],
});
static REGISTRATION_REJECT_LAST: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 2,
    root: &[
        Must(Type::Octets(2)),
        Must(Type::String(ANY, 8)),
        May(Type::Of(&NON_STANDARD_PARAMETER)),
        Must(Type::Of(&REGISTRATION_REJECT_REASON)),
        May(Type::String(
            Size {
                least: 1,
                bits: 7,
                aligned: false,
            },
            16,
        )),
    ],
    more: &[
        Some(Type::Of(&ALT_GKINFO_LAST)),
        None,
        None,
        None,
        None,
        None,
        Some(Type::Of(&ALTERNATE_GK_LAST)),
    ],
});
static REGISTRATION_REJECT_REASON: Type = Type::Choice(&Choice {
    extensible: true,
    bits: 3,
    root: &[
        Type::Bits(0),
        Type::Bits(0),
        Type::Bits(0),
        Type::Bits(0),
        Type::List(ANY, &Type::Of(&ALIAS_ADDRESS)),
        Type::Bits(0),
        Type::Bits(0),
        Type::Bits(0),
    ],
    more: &[
        None,
        None,
        None,
        None,
        None,
        None,
        Some(Type::Sequence(&Sequence {
            extensible: true,
            optional: 3,
            root: &[
                May(Type::List(ANY, &Type::Of(&ALIAS_ADDRESS))),
                May(Type::List(ANY, &Type::Of(&ADDRESS_PATTERN))),
                May(Type::List(ANY, &Type::Of(&SUPPORTED_PREFIX))),
                Must(Type::Rest),
            ],
            more: &[],
        })),
    ],
});
static REGISTRATION_REQUEST_LAST: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 3,
    root: &[
        Must(Type::Octets(2)),
        Must(Type::String(ANY, 8)),
        May(Type::Of(&NON_STANDARD_PARAMETER)),
        Must(Type::Bits(1)),
        Must(Type::At(
            Place::Signalling,
            &Type::List(ANY, &Type::Of(&TRANSPORT_ADDRESS)),
        )),
        Must(Type::At(
            Place::Ras,
            &Type::List(ANY, &Type::Of(&TRANSPORT_ADDRESS)),
        )),
        Must(Type::Of(&ENDPOINT_TYPE)),
        May(Type::List(ANY, &Type::Of(&ALIAS_ADDRESS))),
        May(Type::String(
            Size {
                least: 1,
                bits: 7,
                aligned: false,
            },
            16,
        )),
        Must(Type::Of(&VENDOR_IDENTIFIER)),
    ],
    more: &[
        Some(Type::List(ANY, &Type::Of(&ENDPOINT))),
        Some(Type::At(Place::TimeToLive, &Type::Number(2, 1))),
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        Some(Type::Of(&ALTERNATE_TRANSPORT_ADDRESSES_LAST)),
        None,
        Some(Type::List(ANY, &Type::Of(&ADDRESS_PATTERN))),
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        Some(Type::Of(&ALTERNATE_GK_LAST)),
    ],
});
static RELEASE_COMPLETE_REASON: Type = Type::Choice(&Choice {
    extensible: true,
    bits: 4,
    root: &[
        Type::Bits(0),
        Type::Bits(0),
        Type::Bits(0),
        Type::Bits(0),
        Type::Bits(0),
        Type::Bits(0),
        Type::Bits(0),
        Type::Bits(0),
        Type::Bits(0),
        Type::Bits(0),
        Type::Bits(0),
        Type::Bits(0),
    ],
    more: &[],
});
static RELEASE_COMPLETE_UUIE: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 1,
    root: &[
        Must(Type::String(ANY, 8)),
        May(Type::Of(&RELEASE_COMPLETE_REASON)),
    ],
    more: &[
        None,
        None,
        None,
        Some(Type::List(ANY, &Type::Of(&ALIAS_ADDRESS))),
        None,
        None,
        None,
        None,
        None,
        Some(Type::Of(&ENDPOINT_TYPE_LAST)),
    ],
});
static RESOURCES_AVAILABLE_INDICATE_LAST: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 4,
    root: &[
        Must(Type::Octets(2)),
        Must(Type::String(ANY, 8)),
        May(Type::Of(&NON_STANDARD_PARAMETER)),
        Must(Type::String(
            Size {
                least: 1,
                bits: 7,
                aligned: false,
            },
            16,
        )),
        Must(Type::List(ANY, &Type::Of(&SUPPORTED_PROTOCOLS))),
        Must(Type::Rest),
    ],
    more: &[],
});
static RTPSESSION: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 0,
    root: &[
        Must(Type::At(
            Place::NamedUdp,
            &Type::Of(&TRANSPORT_CHANNEL_INFO),
        )),
        Must(Type::At(
            Place::NamedUdp,
            &Type::Of(&TRANSPORT_CHANNEL_INFO),
        )),
        Must(Type::String(ANY, 8)),
        Must(Type::Number(2, 1)),
        Must(Type::Bits(8)),
        Must(Type::List(ANY, &Type::Bits(8))),
    ],
    more: &[],
});
static SECURITY_CAPABILITIES: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 1,
    root: &[
        May(Type::Of(&NON_STANDARD_PARAMETER)),
        Must(Type::Of(&SECURITY_SERVICE_MODE)),
        Must(Type::Of(&SECURITY_SERVICE_MODE)),
        Must(Type::Of(&SECURITY_SERVICE_MODE)),
    ],
    more: &[],
});
static SECURITY_SERVICE_MODE: Type = Type::Choice(&Choice {
    extensible: true,
    bits: 2,
    root: &[
        Type::Of(&NON_STANDARD_PARAMETER),
        Type::Bits(0),
        Type::Bits(0),
    ],
    more: &[],
});
static SETUP_UUIE: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 7,
    root: &[
        Must(Type::String(ANY, 8)),
        May(Type::At(Place::Control, &Type::Of(&TRANSPORT_ADDRESS))),
        May(Type::List(ANY, &Type::Of(&ALIAS_ADDRESS))),
        Must(Type::Of(&ENDPOINT_TYPE)),
        May(Type::List(ANY, &Type::Of(&ALIAS_ADDRESS))),
        May(Type::At(Place::NamedTcp, &Type::Of(&TRANSPORT_ADDRESS))),
        May(Type::List(ANY, &Type::Of(&ALIAS_ADDRESS))),
        May(Type::List(ANY, &Type::Octets(2))),
        Must(Type::Bits(1)),
        Must(Type::Octets(16)),
        Must(Type::Choice(&Choice {
            extensible: true,
            bits: 2,
            root: &[Type::Bits(0), Type::Bits(0), Type::Bits(0)],
            more: &[],
        })),
        May(Type::Of(&QSERIES_OPTIONS)),
        Must(Type::Of(&CALL_TYPE)),
    ],
    more: &[
        Some(Type::At(
            Place::NamedTcp,
            &Type::Of(&TRANSPORT_ADDRESS_LAST),
        )),
        Some(Type::Of(&ALIAS_ADDRESS_LAST)),
        None,
        None,
        None,
        None,
        Some(Type::List(
            ANY,
            &Type::Holds(&Type::Of(&H245_OPEN_LOGICAL_CHANNEL_LAST)),
        )),
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        Some(Type::List(ANY, &Type::Of(&SUPPORTED_PROTOCOLS))),
        None,
        None,
        None,
        Some(Type::List(
            ANY,
            &Type::Holds(&Type::Of(&H245_MULTIMEDIA_SYSTEM_CONTROL_MESSAGE_LAST)),
        )),
        Some(Type::List(ANY, &Type::Of(&EXTENDED_ALIAS_ADDRESS))),
    ],
});
static SIPCAPS_LAST: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 3,
    root: &[
        May(Type::Of(&NON_STANDARD_PARAMETER)),
        May(Type::List(ANY, &Type::Of(&DATA_RATE))),
        May(Type::List(ANY, &Type::Of(&SUPPORTED_PREFIX))),
        Must(Type::Rest),
    ],
    more: &[],
});
static SUPPORTED_PREFIX: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 1,
    root: &[
        May(Type::Of(&NON_STANDARD_PARAMETER)),
        Must(Type::Of(&ALIAS_ADDRESS)),
    ],
    more: &[],
});
static SUPPORTED_PROTOCOLS: Type = Type::Choice(&Choice {
    extensible: true,
    bits: 4,
    root: &[
        Type::Of(&NON_STANDARD_PARAMETER),
        Type::Of(&H310_CAPS),
        Type::Of(&H320_CAPS),
        Type::Of(&H321_CAPS),
        Type::Of(&H322_CAPS),
        Type::Of(&H323_CAPS),
        Type::Of(&H324_CAPS),
        Type::Of(&VOICE_CAPS),
        Type::Of(&T120_ONLY_CAPS),
    ],
    more: &[
        Some(Type::Of(&NON_STANDARD_PROTOCOL_LAST)),
        Some(Type::Of(&T38_FAX_ANNEXB_ONLY_CAPS_LAST)),
        Some(Type::Of(&SIPCAPS_LAST)),
    ],
});
static T120_ONLY_CAPS: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 1,
    root: &[May(Type::Of(&NON_STANDARD_PARAMETER))],
    more: &[None, Some(Type::List(ANY, &Type::Of(&SUPPORTED_PREFIX)))],
});
static T38_FAX_ANNEXB_ONLY_CAPS_LAST: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 2,
    root: &[
        May(Type::Of(&NON_STANDARD_PARAMETER)),
        May(Type::List(ANY, &Type::Of(&DATA_RATE))),
        Must(Type::List(ANY, &Type::Of(&SUPPORTED_PREFIX))),
        Must(Type::Of(&H245_DATA_PROTOCOL_CAPABILITY)),
        Must(Type::Rest),
    ],
    more: &[],
});
static TERMINAL_INFO: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 1,
    root: &[May(Type::Of(&NON_STANDARD_PARAMETER))],
    more: &[],
});
static TRANSPORT_ADDRESS: Type = Type::Choice(&Choice {
    extensible: true,
    bits: 3,
    root: &[
        Type::Sequence(&Sequence {
            extensible: false,
            optional: 0,
            root: &[Must(Type::Address)],
            more: &[],
        }),
        Type::Sequence(&Sequence {
            extensible: true,
            optional: 0,
            root: &[
                Must(Type::Address),
                Must(Type::List(ANY, &Type::Octets(4))),
                Must(Type::Choice(&Choice {
                    extensible: true,
                    bits: 1,
                    root: &[Type::Bits(0), Type::Bits(0)],
                    more: &[],
                })),
            ],
            more: &[],
        }),
        Type::Sequence(&Sequence {
            extensible: false,
            optional: 0,
            root: &[
                Must(Type::Octets(6)),
                Must(Type::Octets(4)),
                Must(Type::Bits(16)),
            ],
            more: &[],
        }),
        Type::Sequence(&Sequence {
            extensible: true,
            optional: 0,
            root: &[Must(Type::Octets(16)), Must(Type::Octets(2))],
            more: &[],
        }),
        Type::Octets(16),
        Type::String(
            Size {
                least: 1,
                bits: 5,
                aligned: false,
            },
            8,
        ),
        Type::Of(&NON_STANDARD_PARAMETER),
    ],
    more: &[],
});
static TRANSPORT_ADDRESS_LAST: Type = Type::Choice(&Choice {
    extensible: true,
    bits: 3,
    root: &[
        Type::Sequence(&Sequence {
            extensible: false,
            optional: 0,
            root: &[Must(Type::Address)],
            more: &[],
        }),
        Type::Sequence(&Sequence {
            extensible: true,
            optional: 0,
            root: &[Must(Type::Address), Must(Type::Rest)],
            more: &[],
        }),
        Type::Rest,
        Type::Sequence(&Sequence {
            extensible: true,
            optional: 0,
            root: &[
                Must(Type::Octets(16)),
                Must(Type::Octets(2)),
                Must(Type::Rest),
            ],
            more: &[],
        }),
        Type::Rest,
        Type::Rest,
        Type::Rest,
    ],
    more: &[],
});
static TRANSPORT_CHANNEL_INFO: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 2,
    root: &[
        May(Type::Of(&TRANSPORT_ADDRESS)),
        May(Type::Of(&TRANSPORT_ADDRESS)),
    ],
    more: &[],
});
static UNREGISTRATION_CONFIRM_LAST: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 1,
    root: &[
        Must(Type::Octets(2)),
        May(Type::Of(&NON_STANDARD_PARAMETER)),
    ],
    more: &[None, None, None, None, Some(Type::Of(&ALTERNATE_GK_LAST))],
});
static UNREGISTRATION_REJECT_LAST: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 1,
    root: &[
        Must(Type::Octets(2)),
        Must(Type::Of(&UNREG_REJECT_REASON)),
        May(Type::Of(&NON_STANDARD_PARAMETER)),
    ],
    more: &[Some(Type::Of(&ALT_GKINFO_LAST))],
});
static UNREGISTRATION_REQUEST_LAST: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 3,
    root: &[
        Must(Type::Octets(2)),
        Must(Type::At(
            Place::NamedTcp,
            &Type::List(ANY, &Type::Of(&TRANSPORT_ADDRESS)),
        )),
        May(Type::List(ANY, &Type::Of(&ALIAS_ADDRESS))),
        May(Type::Of(&NON_STANDARD_PARAMETER)),
        May(Type::String(
            Size {
                least: 1,
                bits: 7,
                aligned: false,
            },
            16,
        )),
    ],
    more: &[
        Some(Type::List(ANY, &Type::Of(&ENDPOINT))),
        None,
        None,
        None,
        None,
        None,
        Some(Type::List(ANY, &Type::Of(&ADDRESS_PATTERN))),
        Some(Type::List(ANY, &Type::Of(&SUPPORTED_PREFIX))),
        Some(Type::List(ANY, &Type::Of(&ALTERNATE_GK))),
        None,
        Some(Type::Of(&ALTERNATE_GK_LAST)),
    ],
});
static UNREG_REJECT_REASON: Type = Type::Choice(&Choice {
    extensible: true,
    bits: 2,
    root: &[Type::Bits(0), Type::Bits(0), Type::Bits(0)],
    more: &[],
});
static VENDOR_IDENTIFIER: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 2,
    root: &[
        Must(Type::Of(&H221_NON_STANDARD)),
        May(Type::String(
            Size {
                least: 1,
                bits: 8,
                aligned: true,
            },
            8,
        )),
        May(Type::String(
            Size {
                least: 1,
                bits: 8,
                aligned: true,
            },
            8,
        )),
    ],
    more: &[],
});
static VOICE_CAPS: Type = Type::Sequence(&Sequence {
    extensible: true,
    optional: 1,
    root: &[May(Type::Of(&NON_STANDARD_PARAMETER))],
    more: &[None, Some(Type::List(ANY, &Type::Of(&SUPPORTED_PREFIX)))],
});
