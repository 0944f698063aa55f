"""An IMAP server on loopback that behaves: folders in memory, few commands, a log of them."""

import base64
import re
import ssl
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime

from hostile.servers import Peer

USERNAME = "probe@example.com"
PASSWORD = "mailbox-s3cret"
PLAIN = base64.b64encode(f"\0{USERNAME}\0{PASSWORD}".encode()).decode()


@dataclass(slots=True)
class Message:
    content: bytes
    came_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    deleted: bool = False


class Folders:
    """What the server keeps; used by its threads and by the test."""

    def __init__(self, *names: str) -> None:
        self.lock = threading.RLock()
        self.folders: dict[str, dict[int, Message]] = {name: {} for name in names or ("INBOX", "Junk")}
        self.next_uid = dict.fromkeys(self.folders, 1)
        self.commands: list[str] = []
        self.unavailable: set[str] = set()

    def put(self, content: bytes, folder: str = "INBOX", came_at: datetime | None = None) -> int:
        with self.lock:
            uid = self.next_uid[folder]
            self.next_uid[folder] += 1
            self.folders[folder][uid] = Message(content, came_at or datetime.now(UTC))
            return uid

    def count(self, folder: str = "INBOX") -> int:
        with self.lock:
            return len(self.folders[folder])

    def search(self, folder: str, criteria: str) -> list[int]:
        """Understands what mailover asks for: UID a:b, BEFORE, HEADER name text, OR HEADER name text SUBJECT text."""
        with self.lock:
            messages = self.folders[folder]
            found = sorted(messages)
            if uids := re.search(r"UID (\d+):(\d+|\*)", criteria):
                last = max(messages, default=0) if uids.group(2) == "*" else int(uids.group(2))
                found = [uid for uid in found if int(uids.group(1)) <= uid <= last]
            if before := re.search(r"BEFORE (\S+)", criteria):
                limit = datetime.strptime(before.group(1), "%d-%b-%Y").replace(tzinfo=UTC)
                found = [uid for uid in found if messages[uid].came_at < limit]
            header = re.compile(r"HEADER (\S+) (\S+)")
            if either := re.search(r"OR HEADER (\S+) (\S+) SUBJECT (\S+)", criteria):
                name, text, subject = either.groups()
                wanted = [(name, text), ("Subject", subject)]
                return [uid for uid in found if any(has(messages[uid], *each) for each in wanted)]
            return [uid for uid in found if all(has(messages[uid], *each) for each in header.findall(criteria))]


def has(message: Message, name: str, text: str) -> bool:
    head = message.content.partition(b"\r\n\r\n")[0].decode()
    return any(
        line.lower().startswith(name.lower() + ":") and text.lower() in line.lower() for line in head.split("\r\n")
    )


class GoodImap:
    """The script of one connection after another; `tls` is implicit unless `starttls`."""

    def __init__(
        self,
        folders: Folders,
        tls: ssl.SSLContext | None = None,
        *,
        starttls: bool = False,
        capabilities: str = "IMAP4rev1 AUTH=PLAIN UIDPLUS",
    ) -> None:
        self.folders = folders
        self.tls = tls
        self.starttls = starttls
        self.capabilities = capabilities
        self.logins = 0

    def __call__(self, peer: Peer) -> None:
        if self.tls is not None and not self.starttls:
            peer.secure(self.tls)
        peer.say("* OK ready")
        folder = "INBOX"
        while True:
            line = peer.line()
            tag, _, command = line.partition(" ")
            self.folders.commands.append(command)
            word, _, rest = command.partition(" ")
            if word == "SELECT":
                folder = rest.strip('"')
                self.select(peer, tag, folder)
            elif word == "UID":
                self.uid(peer, tag, folder, rest)
            elif word == "LOGOUT":
                peer.say("* BYE so long")
                peer.say(f"{tag} OK")
                return
            elif word == "STARTTLS" and self.tls is not None:
                peer.say(f"{tag} OK go ahead")
                peer.secure(self.tls)
            elif word == "CAPABILITY":
                peer.say(f"* CAPABILITY {self.capabilities}")
                peer.say(f"{tag} OK done")
            elif word in {"AUTHENTICATE", "LOGIN"}:
                self.log_in(peer, tag, word, rest)
            elif word == "EXPUNGE":
                self.expunge(peer, tag, folder)
            else:
                peer.say(f"{tag} BAD what?")

    def log_in(self, peer: Peer, tag: str, word: str, rest: str) -> None:
        if word == "AUTHENTICATE":
            peer.say("+ ")
            good = peer.line() == PLAIN
        else:
            peer.say("+ user")
            name = peer.line()
            peer.say("+ password")
            good = (name, peer.line()) == (f"{USERNAME} {{{len(PASSWORD)}}}", PASSWORD)
        self.logins += good
        peer.say(f"{tag} OK in" if good else f"{tag} NO [AUTHENTICATIONFAILED] wrong password")

    def select(self, peer: Peer, tag: str, folder: str) -> None:
        if folder not in self.folders.folders or folder in self.folders.unavailable:
            peer.say(f"{tag} NO [NONEXISTENT] no such folder")
            return
        peer.say(f"* {self.folders.count(folder)} EXISTS")
        peer.say(f"* OK [UIDNEXT {self.folders.next_uid[folder]}] next")
        peer.say(f"{tag} OK [READ-WRITE] open")

    def uid(self, peer: Peer, tag: str, folder: str, rest: str) -> None:
        word, _, arguments = rest.partition(" ")
        if word == "SEARCH":
            found = self.folders.search(folder, arguments)
            peer.say(" ".join(["* SEARCH", *map(str, found)]))
        elif word == "FETCH":
            uid = int(arguments.partition(" ")[0])
            message = self.folders.folders[folder].get(uid)
            if message is not None:
                head = message.content.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
                peer.say(f"* 1 FETCH (UID {uid} BODY[HEADER] {{{len(head)}}}\r\n".encode() + head + b")\r\n")
        elif word == "STORE":
            for uid in map(int, arguments.partition(" ")[0].split(",")):
                self.folders.folders[folder][uid].deleted = True
        elif word == "EXPUNGE":
            self.expunge(peer, tag, folder)
            return
        peer.say(f"{tag} OK done")

    def expunge(self, peer: Peer, tag: str, folder: str) -> None:
        with self.folders.lock:
            kept = {uid: each for uid, each in self.folders.folders[folder].items() if not each.deleted}
            self.folders.folders[folder] = kept
        peer.say(f"{tag} OK gone")
