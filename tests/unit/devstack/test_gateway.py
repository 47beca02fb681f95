from devstack.gateway import passed_on


def test_headers_go_on_in_order_repeated_ones_as_well() -> None:
    """`Set-Cookie` or a signature header may stand several times, and none may be lost or merged."""
    given = [("X-One", "1"), ("Stripe-Signature", "t=1"), ("X-One", "2")]
    assert passed_on(given) == given


def test_what_concerns_two_neighbours_only_is_dropped() -> None:
    """A connection's own headers, those that it names, and those the gateway writes itself (RFC 9110, 7.6.1)."""
    given = [
        ("Connection", "close, X-Hop"),
        ("x-hop", "1"),
        ("Transfer-Encoding", "chunked"),
        ("Host", "h"),
        ("A", "b"),
    ]
    assert passed_on(given, "host") == [("A", "b")]
