"""Modules of pycrate for h450.asn, and which types the operations have."""

import importlib.util
import pathlib
import tempfile

from pycrate_asn1c.asnproc import GLOBAL, compile_text
from pycrate_asn1c.generator import PycrateGenerator

ARGUMENTS = {
    9: "CTInitiateArg", 10: "CTSetupArg", 11: "CTActiveArg", 12: "CTCompleteArg", 13: "CTUpdateArg",
    15: "ActivateDiversionQ", 16: "DeactivateDiversionQ", 17: "InterrogateDiversionQ", 18: "CheckRestriction",
    19: "CallRerouting", 20: "DivertingLegInformation1", 21: "DivertingLegInformation2",
    22: "DivertingLegInformation3", 100: "DivertingLegInformation4",
}
RESULTS = {7: "CTIdentifyRes", 17: "IntResultList"}


def module():
    compile_text([(pathlib.Path(__file__).parent / "h450.asn").read_text()])
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "h450_made.py"
        PycrateGenerator(str(path))
        spec = importlib.util.spec_from_file_location("h450_made", path)
        made = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(made)
    return made.H450


H450 = module()
