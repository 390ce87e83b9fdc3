"""Networks: which addresses they admit."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit.networks import EVERYWHERE, Networks


@pytest.mark.parametrize(
    ("allowed", "address", "admitted"),
    [
        (("203.0.113.0/24",), "203.0.113.9", True),
        (("203.0.113.0/24",), "203.0.114.9", False),
        (("203.0.113.7",), "203.0.113.7", True),
        (("203.0.113.7",), "203.0.113.8", False),
        (("203.0.113.99/24",), "203.0.113.1", True),
        (("10.0.0.0/8", "2001:db8::/32"), "2001:db8:1::1", True),
        (("10.0.0.0/8", "2001:db8::/32"), "2001:db9::1", False),
        (("10.0.0.0/8",), "::ffff:10.1.2.3", True),
        (("10.0.0.0/8",), "::ffff:11.1.2.3", False),
        (("::ffff:10.0.0.0/104",), "10.1.2.3", True),
        (("::ffff:10.0.0.0/104",), "::ffff:10.1.2.3", True),
        (("::ffff:10.0.0.0/104",), "11.1.2.3", False),
        (("::/0",), "10.1.2.3", False),
        (("0.0.0.0/0",), "2001:db8::1", False),
        (("203.0.113.0/24",), "", False),
        (("203.0.113.0/24",), "unknown", False),
        (("203.0.113.0/24",), "203.0.113.9:443", False),
        (("203.0.113.0/24",), "203.0.113.9, 10.0.0.1", False),
        (("203.0.113.0/24",), " 203.0.113.9", False),
        (("203.0.113.0/24",), "203.0.113.009", False),
    ],
)
def test_an_address_is_admitted_where_a_network_holds_it(
    allowed: tuple[str, ...], address: str, admitted: bool
) -> None:
    assert Networks.of(allowed).admit(address) is admitted


@pytest.mark.parametrize("address", ["203.0.113.9", "2001:db8::1", "", "nonsense"])
def test_without_networks_every_address_is_admitted(address: str) -> None:
    assert EVERYWHERE.admit(address)
    assert Networks.of(()).admit(address)


@pytest.mark.parametrize("text", ["", "nonsense", "10.0.0.0/33", "10.0.0", "10.0.0.0/24/8"])
def test_what_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="does not appear to be"):
        Networks.of((text,))


@given(st.ip_addresses(v=4), st.integers(0, 32))
def test_a_network_admits_what_it_is_made_of(address: ipaddress.IPv4Address, bits: int) -> None:
    networks = Networks.of((f"{address}/{bits}",))
    assert networks.admit(str(address))
    assert networks.admit(f"::ffff:{address}")
    if bits:
        assert not networks.admit(str(ipaddress.IPv4Address(int(address) ^ (1 << (32 - bits)))))
