"""What each of OFREP's flags says, alone and all at once, as its specification has it, on both servers."""

from datetime import timedelta

from adapter_house import share
from api_house import Api, House
from ofrep_house import Ofrep

EVERY_FLAG = {
    "active-provider",
    "smtp-relay",
    "sending-enabled",
    "backup-share",
    "provider-postmark-healthy",
    "provider-sendgrid-healthy",
    "provider-ses-healthy",
}


def test_the_active_provider_is_a_text_with_its_variant_and_reason(ofrep: Ofrep) -> None:
    told = ofrep.call("active-provider").json()
    assert told == {
        "key": "active-provider",
        "value": "postmark",
        "reason": "STATIC",
        "variant": "postmark",
        "metadata": {
            "stream": "transactional",
            "epoch": 1,
            "mode": "normal",
            "because": "postmark is first in order and not yet probed",
        },
    }


def test_the_relay_says_where_to_send_and_where_next(ofrep: Ofrep) -> None:
    value = ofrep.value("smtp-relay")
    fallbacks = value.pop("fallbacks")
    assert value == {
        "provider": "postmark",
        "host": "smtp.postmark.example",
        "port": 587,
        "tls": "starttls",
        "from": "no@postmark.example",
    }
    assert [each["host"] for each in fallbacks] == ["smtp.sendgrid.example", "smtp.ses.example"]


def test_a_stream_in_the_context_chooses_its_flag(ofrep: Ofrep) -> None:
    told = ofrep.call("active-provider", stream="marketing", region="eu", plan="premium").json()
    assert (told["value"], told["reason"]) == ("ses", "TARGETING_MATCH")


def test_a_failover_moves_every_flag_that_it_touches(ofrep: Ofrep, house: House) -> None:
    house.succeed("postmark", "sendgrid", "ses")
    assert ofrep.value("backup-share") == 0.0
    assert ofrep.value("provider-postmark-healthy") is True
    house.fail("postmark")
    assert ofrep.value("active-provider") == "sendgrid"
    assert ofrep.value("provider-postmark-healthy") is False
    assert ofrep.value("sending-enabled") is True
    share = ofrep.value("backup-share")
    assert share == 1.0
    assert isinstance(share, float)


def test_a_share_is_told_as_a_number_with_a_point(ofrep: Ofrep) -> None:
    assert '"value":0.0' in ofrep.call("backup-share").text


def test_with_every_provider_disabled_there_is_a_value_still(ofrep: Ofrep, api: Api) -> None:
    for name in ("postmark", "sendgrid", "ses"):
        api.operate("PATCH", f"/v1/providers/{name}", {"enabled": False})
    assert ofrep.value("active-provider") == ""
    assert ofrep.value("sending-enabled") is False
    assert ofrep.value("smtp-relay")["host"] is None
    assert ofrep.value("provider-ses-healthy") is False


def test_where_several_share_a_targeting_key_sticks(ofrep: Ofrep, house: House) -> None:
    share(house, postmark=0.5, sendgrid=0.5)
    chosen = {f"user-{n}": ofrep.value("active-provider", targetingKey=f"user-{n}") for n in range(24)}
    assert set(chosen.values()) == {"postmark", "sendgrid"}
    again = ofrep.call("active-provider", targetingKey="user-7").json()
    assert (again["value"], again["reason"]) == (chosen["user-7"], "SPLIT")
    assert ofrep.value("smtp-relay", targetingKey="user-7")["provider"] == chosen["user-7"]
    assert ofrep.value("backup-share") == 0.5


def test_without_a_targeting_key_the_recipient_sticks_however_it_is_written(ofrep: Ofrep, house: House) -> None:
    share(house, postmark=0.5, sendgrid=0.5)
    for name in ("anna", "bob", "carol"):
        one = ofrep.value("active-provider", recipient=f"{name}@example.com", recipientDomain="example.com")
        assert one == ofrep.value("active-provider", recipient=f"{name.upper()}@EXAMPLE.com")


# -- everything at once -----------------------------------------------------------------------------------------------


def test_all_flags_come_at_once(ofrep: Ofrep) -> None:
    told = ofrep.call().json()
    assert {each["key"] for each in told["flags"]} == EVERY_FLAG
    assert all({"value", "variant", "reason"} <= set(each) for each in told["flags"])
    (stream,) = told["eventStreams"]
    assert stream["type"] == "sse"
    assert stream["endpoint"]["requestUri"].startswith("/ofrep/v1/stream?pass=read-token.")
    assert stream["inactivityDelaySec"] == 120


def test_who_has_them_already_is_told_so_until_one_changes(ofrep: Ofrep, house: House) -> None:
    house.succeed("postmark", "sendgrid", "ses")
    etag = ofrep.call().headers["ETag"]
    known = ofrep.call(headers={"If-None-Match": etag})
    assert (known.status_code, known.headers["ETag"]) == (304, etag)
    assert ofrep.call(headers={"If-None-Match": etag}, stream="marketing").status_code == 200
    house.fail("postmark")
    assert ofrep.call(headers={"If-None-Match": etag}).status_code == 200


def test_the_tag_changes_with_the_pass_for_the_stream(ofrep: Ofrep, house: House) -> None:
    before = ofrep.call()
    house.clock.move(timedelta(minutes=30))
    after = ofrep.call(headers={"If-None-Match": before.headers["ETag"]})
    assert after.status_code == 200
    assert after.json()["flags"] == before.json()["flags"]
    assert after.json()["eventStreams"] != before.json()["eventStreams"]
