"""Acknowledgements in words: each statement has its sentence, whatever the delimiters."""

from gateway.cli.acknowledgement_words import explained

ENVELOPE = "ISA*00*          *00*          *ZZ*HARBORGATE     *ZZ*BROOKCLINIC    *260105*0930*^*00501*000000001*0*T*:~"


def test_a_refused_interchange_says_why() -> None:
    """The note code is worded."""
    text = ENVELOPE + "TA1*000000104*260105*0930*R*021~IEA*0*000000001~"

    sentences = explained(text.encode())

    assert sentences == [
        "TA1: interchange 000000104: the whole interchange is refused, nothing in it was processed "
        "(the number of groups in IEA01 is wrong)"
    ]


def test_a_rejected_set_names_segment_and_element() -> None:
    """From the set to the element."""
    text = ENVELOPE + "GS*FA~ST*999*0001~AK2*834*0001~\nIK3*DTP*9*2000*8~\nIK4*3*1251*8~IK5*R*5~AK9*R*1*1*0~IEA*1*1~"

    sentences = explained(text.encode())

    assert sentences == [
        "Transaction set 834 number 0001:",
        "  segment DTP, number 9 of the set in loop 2000: the segment has faulty elements",
        "    element 3 is not a date",
        "  -> rejected",
        "Functional group: rejected (0 of 1 sets accepted)",
    ]


def test_several_interchanges_with_other_delimiters() -> None:
    """Each interchange brings its own."""
    text = ENVELOPE + "TA1*1*260105*0930*A*000~IEA*0*000000001~"
    other = text.replace("*", "|").replace("~", "'")

    sentences = explained((other + text + other).encode())

    assert sentences == ["TA1: interchange 1: the envelope is fine"] * 3
