from __future__ import annotations

import pytest

from inception.linux.iptables import Flavour, loaded_flavour

_NFT = "nf_tables 372736 512 nft_compat,nft_chain_nat, Live 0x0000000000000000\n"
_LEGACY = "ip_tables 36864 2 iptable_filter,iptable_nat, Live 0x0000000000000000\n"


@pytest.mark.parametrize(
    ("modules", "flavour"),
    [
        (_NFT, Flavour.NFT),
        (_LEGACY, Flavour.LEGACY),
        (_NFT + _LEGACY, Flavour.NFT),
        ("xt_nf_tables_like 1 0 - Live 0x0\n", None),
        ("", None),
    ],
)
def test_loaded_modules_decide_the_flavour(modules: str, flavour: Flavour | None) -> None:
    assert loaded_flavour(modules) is flavour
