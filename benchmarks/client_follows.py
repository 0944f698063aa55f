"""From a flip to the first mail through the new provider, in an application that uses the Python recipe.

Everything is real and on loopback: the application follows the flag over HTTP while it sends one mail after the other
by SMTP with STARTTLS and a login. The flip is an operator's pin, so that nothing else is waited for. Beside it, in the
same run: how long a plain `smtplib` takes for such a mail, and an application that asks for the flag once a second.
"""

import http.client
import json
import random
import smtplib
import statistics
import sys
import threading
import time
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path

from ground.figures import Verdict
from ground.houses import LEADING, PATIENCE, Scene, scene

sys.path.insert(0, str(Path(__file__).parents[1] / "docs" / "clients" / "python"))

from mailover_client import Account, Mailover

from mailover.core.decide import Decision
from mailover.service import Snapshot

STREAM = LEADING.replace("first", "mail")
FLIPS = 40
POLLED_FLIPS = 10
MAILS = 100


def letter() -> EmailMessage:
    """An ordinary one."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "shop@example.com", "customer@example.com", "Your order"
    message.set_content("Thank you.\n")
    return message


def accounts(shown: Scene) -> dict[str, Account]:
    """The application's."""
    trusted = shown.authority.client_context()
    return {
        name: Account(host=each.host, port=each.port, username=each.username, password=each.password, context=trusted)
        for name, each in {LEADING: shown.providers["first"], "second": shown.providers["second"]}.items()
    }


def plainly(account: Account) -> None:
    """A mail as an application sends it that knows one provider."""
    with smtplib.SMTP(account.host, account.port, local_hostname="shop.test", timeout=PATIENCE) as dialogue:
        dialogue.starttls(context=account.context)
        dialogue.login(str(account.username), account.password)
        dialogue.send_message(letter())


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def ask(shown: Scene, method: str, path: str, body: object = None) -> bytes:
    """One call of the API."""
    connection = http.client.HTTPConnection(shown.address, timeout=PATIENCE)
    said = None if body is None else json.dumps(body)
    connection.request(method, path, said, {"Content-Type": "application/json"} if said else {})
    answer = connection.getresponse().read()
    connection.close()
    return answer


class Flips:
    """Moves the flag to and fro."""

    def __init__(self, shown: Scene) -> None:
        """Listens to what is committed, as the API itself does."""
        self._shown = shown
        self._moved = threading.Event()
        self._last = shown.flag.provider
        self.at = 0.0
        """When the last move was committed."""
        shown.house.service.listen(self._hear)

    def next(self) -> str:
        """Flip; the provider that is active now."""
        name = "second" if self._last == LEADING else LEADING
        self._moved.clear()
        pin = {"provider": name, "minutes": 60, "reason": "a measurement"}
        ask(self._shown, "PUT", f"/v1/streams/{STREAM}/pin", pin)
        assert self._moved.wait(PATIENCE), "the flag never moved"
        return name

    def _hear(self, snapshot: Snapshot, _decision: Decision) -> None:
        now, named = time.perf_counter(), snapshot.flags[STREAM].flag.provider
        if named != self._last:
            self._last, self.at = named, now
            self._moved.set()


def until(holds: Callable[[], bool]) -> float:
    """Wait closely for something; when it came true."""
    ends_at = time.perf_counter() + PATIENCE
    while not holds():
        assert time.perf_counter() < ends_at, "it never came true"
        time.sleep(0.0005)
    return time.perf_counter()


def followed(shown: Scene, mail: Mailover) -> tuple[list[float], list[float]]:
    """From each flip to the client's knowing of it, and to the first mail that the new provider has taken."""
    sent: list[tuple[str, float]] = []
    stopping = threading.Event()

    def application() -> None:
        while not stopping.is_set():
            sent.append((mail.send_message(letter()).provider, time.perf_counter()))

    sender = threading.Thread(target=application)
    sender.start()
    known, taken, flips = [], [], Flips(shown)
    for _ in range(FLIPS):
        time.sleep(random.uniform(0.2, 0.4))
        name = flips.next()
        known.append(until(lambda name=name: mail.flag is not None and mail.flag.order[0] == name) - flips.at)
        until(lambda name=name: sent[-1][0] == name)
        taken.append(next(at for by, at in sent if by == name and at > flips.at) - flips.at)
    stopping.set()
    sender.join(PATIENCE)
    return known, taken


def polled(shown: Scene) -> list[float]:
    """From each flip to its being known to a reader that asks once a second."""
    flips, known = Flips(shown), []
    for _ in range(POLLED_FLIPS):
        name = flips.next()
        time.sleep(random.random())
        while json.loads(ask(shown, "GET", "/v1/active-provider"))["provider"] != name:
            time.sleep(1)
        known.append(time.perf_counter() - flips.at)
    return known


def main() -> None:
    """Flip, and watch."""
    verdict = Verdict()
    with scene({"port_interval": "1h", "login_interval": "1h"}) as shown:
        ours = accounts(shown)
        with Mailover(f"http://{shown.address}", ours, first_wait=PATIENCE) as mail:
            pairs = [
                (seconds(lambda: plainly(ours[LEADING])), seconds(lambda: mail.send_message(letter())))
                for _ in range(MAILS)
            ]
            plain, through = (statistics.median(each) for each in zip(*pairs, strict=True))
            print(f"a mail by plain smtplib: {plain * 1000:.1f} ms, through the module: {through * 1000:.1f} ms")
            verdict.at_most("the module beside plain smtplib, a mail", through / plain, 1.1)
            known, taken = followed(shown, mail)
        print(f"{FLIPS} flips while it sends one mail after the other:")
        verdict.at_most("known to the client, median", statistics.median(known), 0.05, "s")
        verdict.at_most("known to the client, worst", max(known), 0.25, "s")
        verdict.at_most(
            "first mail taken by the new provider, median", statistics.median(taken), 0.05 + 2 * through, "s"
        )
        asked = polled(shown)
        print(f"asking once a second: known after {statistics.median(asked):.3f} s (median of {POLLED_FLIPS})")
        verdict.at_most("following beside asking", statistics.median(known) / statistics.median(asked), 0.1)
    verdict.end()


if __name__ == "__main__":
    main()
