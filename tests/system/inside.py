# SPDX-License-Identifier: Apache-2.0
"""What a hostile uid 0 sends from inside a workload: raw frames, by name of the attack.

Run as the text of `python3 -c` through `bulkhead exec`, with one argument: JSON of `attack`, `seed`, `me`, `hub`
(own and gateway's MAC), and `hosts`: {name: {v4, v6, mac}}. Attacks return frames; how many were sent is printed.
Knows nothing of Bulkhead; tests/system/attacks.py judges what arrives.
"""

import json
import random
import socket
import struct
import sys

given = json.loads(sys.argv[1])
hosts = given["hosts"]
MARK = b"ATTACK"
chance = random.Random(given["seed"])
A, B, C, D = (hosts[w] for w in "abcd")
WORLD4, WORLD6 = "198.51.100.7", "2001:db8::7"


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


ME, HUB = mac(given["me"]), mac(given["hub"])


def address(text):
    return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xffff)
    return ~(total + (total >> 16)) & 0xffff


def ether(payload, kind=None, to=HUB, source=ME):
    if kind is None:
        kind = 0x86dd if payload[0] >> 4 == 6 else 0x0800
    return to + source + struct.pack("!H", kind) + payload


def ip(source, to, protocol, payload, fragment=0, identification=0x77, options=b"", ttl=64):
    source, to = address(source), address(to)
    if len(source) == 16:
        return struct.pack("!IHBB", 6 << 28, len(payload), protocol, ttl) + source + to + payload
    length = 20 + len(options)
    head = struct.pack("!BBHHHBBH", 0x40 | length // 4, 0, length + len(payload), identification, fragment, ttl, protocol, 0)
    head += source + to + options
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def pseudo(source, to, protocol, length):
    source, to = address(source), address(to)
    if len(source) == 4:
        return source + to + struct.pack("!BBH", 0, protocol, length)
    return source + to + struct.pack("!II", length, protocol)


def udp(source, to, port, text=MARK, from_port=4444):
    body = struct.pack("!HHHH", from_port, port, 8 + len(text), 0) + text
    total = checksum(pseudo(source, to, 17, len(body)) + body) or 0xffff
    return body[:6] + struct.pack("!H", total) + body[8:]


def tcp(source, to, port, flags, from_port=4444, sequence=1000, acknowledgement=0, text=b""):
    body = struct.pack("!HHIIBBHHH", from_port, port, sequence, acknowledgement, 0x50, flags, 65535, 0, 0) + text
    total = checksum(pseudo(source, to, 6, len(body)) + body)
    return body[:16] + struct.pack("!H", total) + body[18:]


def icmp(source, to, kind, code, rest=b"\0\0\0\0", text=MARK):
    body = struct.pack("!BBH", kind, code, 0) + rest + text
    total = checksum((pseudo(source, to, 58, len(body)) if ":" in source else b"") + body)
    return body[:2] + struct.pack("!H", total) + body[4:]


def datagram(source, to, port=7002, **more):
    return ip(source, to, 17, udp(source, to, port, **more))


def families(*names):
    """The (address of the first, of the second, ...) of each family."""
    return [[hosts[n][f] if n in hosts else {"v4": WORLD4, "v6": WORLD6}[f] for n in names] for f in ("v4", "v6")]


# ---- the attacks ----

def spoofed_source():
    """Of others, of the hub, of the world, of nobody; to a port that is open to those, and to all others."""
    for who in ("c", "d", "b", "world"):
        for source, to, c in families(who, "b", "c"):
            for port in (7001, 7002, 7005, 7009):
                yield ether(datagram(source, to, port))
                yield ether(datagram(source, c, port))
                for flags in (0x02, 0x10, 0x18, 0x04, 0x11, 0x12):
                    yield ether(ip(source, to, 6, tcp(source, to, port, flags, text=MARK)))
    for source in ("10.77.2.1", "10.77.1.1", "0.0.0.0", "127.0.0.1", "255.255.255.255", "224.0.0.1", "169.254.1.1"):
        yield ether(datagram(source, B["v4"]))
    for source in ("fd77:0:0:1::1", "::", "::1", "fe80::1", "ff02::1", "::ffff:10.77.3.10"):
        yield ether(datagram(source, B["v6"]))


def spoofed_mac():
    for source, to in families("a", "b"):
        for other in (mac(C["mac"]), mac(B["mac"]), HUB, b"\xff" * 6, b"\0" * 6, b"\x01\0\x5e\0\0\1"):
            yield ether(datagram(source, to), source=other)


def frames_to_others_macs():
    for source, to, c in families("a", "b", "c"):
        for other in (mac(B["mac"]), mac(C["mac"]), mac(D["mac"]), ME, b"\xff" * 6, b"\x33\x33\0\0\0\1", b"\x01\0\x5e\0\0\1"):
            yield ether(datagram(source, to), to=other)
            yield ether(datagram(source, c), to=other)


def tags_and_labels():
    for source, to in families("a", "b"):
        packet = datagram(source, to)
        kind = 0x86dd if ":" in source else 0x0800
        for tag in (0x8100, 0x88a8, 0x9100, 0x9200):
            for vlan in (0, 1, 0x6001, 0xfff):
                yield ether(struct.pack("!HH", vlan, kind) + packet, tag)
                yield ether(struct.pack("!HHHH", vlan, 0x8100, vlan, kind) + packet, tag)
        for mpls in (0x8847, 0x8848):
            for label in (0, 2, 3, 16):
                yield ether(struct.pack("!I", label << 12 | 0x1ff) + packet, mpls)
        yield ether(b"\x11\0\0\1\0\x40" + packet, 0x8864)  # PPPoE
        yield ether(b"\xaa\xaa\x03\0\0\0" + struct.pack("!H", kind) + packet, 8 + len(packet))  # LLC, SNAP


def other_ethertypes():
    text = MARK * 10
    bridges = b"\x01\x80\xc2\0\0"
    for kind in (0x88cc, 0x8899, 0x0806, 0x8035, 0x888e, 0x88e5, 0x8902, 0x88f7, 0x0600, 0x05ff, 0x0026, 0x0000, 0xffff, 0x6558,
                 0x22f0, 0x8906, 0x4305, 0x88a2, 0x9000):
        for to in (HUB, b"\xff" * 6, bridges + b"\0", bridges + b"\x0e", bridges + b"\3", mac(B["mac"]), b"\x01\0\x0c\xcc\xcc\xcc"):
            yield ether(text, kind, to=to)
    for kind in range(0, 0x10000, 211):
        if kind not in (0x0800, 0x86dd):
            yield ether(datagram(A["v4"], B["v4"]), kind)


def neighbour_poisoning():
    for target in (B, C, D):
        for operation in (1, 2, 3, 4, 8):
            for to in (HUB, mac(target["mac"]), b"\xff" * 6):
                for claimed in (A, B, C, D):
                    arp = struct.pack("!HHBBH", 1, 0x0800, 6, 4, operation) + ME + address(claimed["v4"])
                    yield ether(arp + mac(target["mac"]) + address(target["v4"]) + MARK, 0x0806, to=to)
        for source in (A["v6"], C["v6"], "fe80::1", "::"):
            for to in (target["v6"], "ff02::1", "ff02::1:ff00:10"):
                for kind in (133, 134, 135, 136, 137):
                    rest = b"\x60\0\0\0" if kind == 136 else b"\0\0\0\0"
                    option = (b"\2\1" if kind == 136 else b"\1\1") + ME
                    body = icmp(source, to, kind, 0, rest, address(C["v6"]) + option + MARK)
                    for frame_to in (HUB, b"\x33\x33\0\0\0\1", mac(target["mac"])):
                        yield ether(ip(source, to, 58, body, ttl=255), to=frame_to)


def router_advertisements():
    prefix = struct.pack("!BBBBIII", 3, 4, 64, 0xc0, 86400, 14400, 0) + address("2001:db8:bad::")
    for source in ("fe80::1", A["v6"], "fd77:0:0:2::1"):
        for to in (B["v6"], C["v6"], "ff02::1"):
            body = icmp(source, to, 134, 0, b"\x40\0\x07\x08", b"\0" * 8 + prefix + MARK)
            for frame_to in (HUB, b"\x33\x33\0\0\0\1"):
                yield ether(ip(source, to, 58, body, ttl=255), to=frame_to)


def redirects_and_other_icmp():
    quoted4, quoted6 = datagram(B["v4"], C["v4"])[:28], datagram(B["v6"], C["v6"])[:48]
    for source in (A["v4"], "10.77.2.1", C["v4"]):
        for to in (B, C, D):
            for kind in (*range(0, 20), 30, 37, 40, 42, 43, 200, 255):
                for code in (0, 1, 3, 4, 13):
                    if kind == 8 and to is B:
                        continue
                    yield ether(ip(source, to["v4"], 1, icmp(source, to["v4"], kind, code, address(A["v4"]), quoted4 + MARK)))
    for source in (A["v6"], "fe80::1"):
        for to in (B, C, D):
            for kind in (*range(0, 6), 127, 128, 129, *range(130, 162), 200, 255):
                if kind == 128 and to is B:
                    continue
                yield ether(ip(source, to["v6"], 58, icmp(source, to["v6"], kind, 0, b"\0\0\0\0", quoted6 + MARK)))


def errors_about_sessions_of_others():
    port = given["session_port"]
    for family, kinds in (("v4", ((3, 0), (3, 1), (3, 3), (3, 4), (11, 0), (12, 0))),
                          ("v6", ((1, 0), (1, 4), (2, 0), (3, 0), (4, 0)))):
        a, b, c = (h[family] for h in (A, B, C))
        protocol = 1 if family == "v4" else 58
        for source, to, theirs, ports in ((a, b, (b, c), (7005, port)), (a, c, (c, b), (port, 7005)), (c, b, (b, c), (7005, port)),
                                          (a, b, (c, b), (port, 7005))):
            inner = ip(*theirs, 6, tcp(*theirs, ports[1], 0x10, from_port=ports[0], text=MARK))
            for kind, code in kinds:
                yield ether(ip(source, to, protocol, icmp(source, to, kind, code, struct.pack("!I", 576), inner[:68])))
                yield ether(ip(source, to, protocol, icmp(source, to, kind, code, struct.pack("!I", 576), inner + MARK)))


def fragments_v4():
    a, b, c = A["v4"], B["v4"], C["v4"]
    forbidden, syn = udp(a, b, 7009, MARK * 20), tcp(a, b, 7009, 2, text=MARK * 20)

    def part(body, at, size, more, protocol=17, to=b, identification=1):
        return ether(ip(a, to, protocol, body[at:at + size], (0x2000 if more else 0) | at // 8, identification))
    n = 100
    for body, protocol in ((forbidden, 17), (syn, 6)):
        for size in (8, 16, 24, 40):
            for order in (1, -1):
                n += 1
                parts = [part(body, at, size, at + size < len(body), protocol, identification=n) for at in range(0, len(body), size)]
                yield from parts[::order]
    for offset in (1, 2, 3, 185, 8189, 8191):  # later ones that have no first
        for protocol in (6, 17, 1, 50, 132):
            for to in (b, c):
                n += 1
                yield ether(ip(a, to, protocol, MARK + b"xx", offset, n))
                yield ether(ip(a, to, protocol, MARK * 4, 0x2000 | offset, n))
    # A first one that is allowed, then: offset 1 of TCP, a forbidden first of the same number, and its rest.
    good = tcp(a, b, 7001, 2, text=b"x" * 44)
    yield part(good, 0, 64, True, 6, identification=9001)
    yield ether(ip(a, b, 6, struct.pack("!IIBBHHH", 0, 0, 0x50, 2, 1, 0, 0) + MARK, 1, 9001))
    yield part(udp(a, b, 7002, b"x" * 64), 0, 72, True, identification=9002)
    yield part(udp(a, b, 7009, MARK * 12), 0, 72, True, identification=9002)
    yield ether(ip(a, b, 17, MARK * 4, 9, 9002))
    yield ether(ip(a, c, 17, MARK * 4, 9, 9002))
    yield ether(ip(a, b, 1, icmp(a, b, 8, 0)[:8], 0x2000, 9003))
    yield ether(ip(a, c, 1, icmp(a, c, 3, 0), 0x2000, 9004))
    yield ether(ip(a, b, 17, b"", 0x2000, 9005))
    yield ether(ip(a, b, 17, MARK, 0x2000, 9006))  # not a multiple of 8


def fragments_v6():
    a, b = A["v6"], B["v6"]

    def part(payload, offset, more, identification, following=17, to=b, before=b"", first=44):
        header = struct.pack("!BBHI", following, 0, offset << 3 | more, identification)
        return ether(ip(a, to, first, before + header + payload))
    forbidden = udp(a, b, 7009, MARK * 20)
    options = b"\x11\0\1\4\0\0\0\0"
    for n, size in enumerate((8, 16, 40), 1):
        for order in (1, -1):
            parts = [part(forbidden[at:at + size], at // 8, at + size < len(forbidden), 10 * n + order) for at in range(0, len(forbidden), size)]
            yield from parts[::order]
    yield part(forbidden, 0, 0, 50)  # atomic
    # Headers in the first one, layer 4 in the second.
    yield part(options, 0, 1, 51, following=60)
    yield part(forbidden, 1, 0, 51, following=60)
    # The same, but the first has an allowed layer 4, which the second overlaps: the receiver throws both away (RFC 5722).
    yield part(options + udp(a, b, 7002, b"x" * 64), 0, 1, 52, following=60)
    yield part(udp(a, b, 7009, b"overlap!" * 8)[:72], 1, 0, 52, following=60)
    # Another next header in the second.
    yield part(udp(a, b, 7002, b"x" * 64), 0, 1, 53)
    yield part(MARK * 4, 9, 0, 53, following=6)
    yield part(MARK * 4, 9, 0, 54)
    yield part(MARK * 4, 9, 0, 53, to=C["v6"])
    # A fragment of a fragment.
    twice = struct.pack("!BBHI", 17, 0, 0, 56) + forbidden
    yield part(twice, 0, 0, 55, following=44)


def extension_headers():
    for to in (B["v6"], C["v6"]):
        a = A["v6"]
        layer4 = udp(a, to, 7009)

        def chain(*kinds, last=17, payload=layer4, to=to):
            body, following = payload, last
            for kind in reversed(kinds):
                if kind == 43:
                    body = struct.pack("!BBBBI", following, 2, 0, 1, 0) + address(B["v6"]) + body
                elif kind == 430:  # type 4, segments left 0
                    kind, body = 43, struct.pack("!BBBBI", following, 2, 4, 0, 0) + address(B["v6"]) + body
                elif kind == 44:
                    body = struct.pack("!BBHI", following, 0, 0, 9) + body
                elif kind == 51:
                    body = struct.pack("!BBHIII", following, 4, 0, 1, 1, 1) + b"\0" * 8 + body
                else:
                    body = struct.pack("!BBBBI", following, 0, 1, 4, 0) + body
                following = kind
            return ether(ip(a, to, following, body))
        for kinds in ((0,), (60,), (0, 60), (60,) * 7, (60,) * 8, (60,) * 9, (60,) * 30, (0, 43), (430,), (60, 430, 60), (0, 60, 44, 60),
                      (44, 44), (60, 0), (51,), (135,), (139,), (140,), (0, 0)):
            yield chain(*kinds)
        for routing in (0, 2, 3, 4, 253):
            hop = struct.pack("!BBBBI", 17, 2, routing, 1, 0) + address(C["v6"])
            yield ether(ip(a, B["v6"], 43, hop + udp(a, B["v6"], 7002)))
        for last in (59, 50, 4, 41, 47, 132, 1, 255, 253):
            yield chain(last=last)
            yield chain(60, last=last)
        yield ether(ip(a, to, 0, b"\x11\xff\1\4\0\0\0\0" + layer4))
        yield ether(ip(a, to, 60, b"\x11\x7f" + b"\0" * 14 + layer4))


def options_v4():
    a, b, c = A["v4"], B["v4"], C["v4"]
    for kind in (131, 137):  # loose and strict source route
        route = bytes([kind, 11, 4]) + address(c) + address(b) + b"\0"
        for to in (b, c):
            yield ether(ip(a, to, 17, udp(a, to, 7002), options=route))
            yield ether(ip(a, to, 6, tcp(a, to, 7001, 2), options=route))
    for options in (b"\x07\x0b\x04" + b"\0" * 9, b"\x44\x0c\x05\0" + b"\0" * 8, b"\x94\4\0\0", b"\1\1\1\0", b"\x82\x0b" + b"\0" * 10):
        yield ether(ip(a, b, 17, udp(a, b, 7002), options=options))
    for length in (0, 1, 2, 3, 4, 6, 15):
        packet = bytearray(datagram(a, b))
        packet[0] = 0x40 | length
        yield ether(bytes(packet))


def land():
    for a, b, c in families("a", "b", "c"):
        for own in (a, b, c):
            yield ether(ip(own, own, 6, tcp(own, own, 7001, 2, from_port=7001)))
            yield ether(datagram(own, own, 7002, from_port=7002))


def tunnels():
    for a, b, c in families("a", "b", "c"):
        inner = datagram(c, b, 7005)
        for to in (b, c):
            for protocol in (4, 41, 47, 50, 51, 94, 97, 103, 108, 112, 115, 137, 2, 89, 132, 136, 33):
                yield ether(ip(a, to, protocol, inner))
                yield ether(ip(a, to, protocol, b"\0\0" + struct.pack("!H", 0x0800 if ":" not in a else 0x86dd) + inner))
    yield ether(ip(A["v4"], B["v4"], 58, icmp(A["v6"], B["v6"], 128, 0)))
    yield ether(ip(A["v6"], B["v6"], 1, icmp(A["v4"], B["v4"], 8, 0)))
    packet6 = datagram(A["v6"], B["v6"])
    yield ether(packet6, 0x0800)
    yield ether(datagram(A["v4"], B["v4"]), 0x86dd)


def scans():
    for a, b, c in families("a", "b", "c"):
        for to in (b, c):
            for port in (7001, 7005, 7009, given["session_port"]):
                for flags in (0, 1, 4, 0x10, 0x11, 0x12, 0x14, 0x18, 0x29, 0x3f, 3, 6, 7):
                    yield ether(ip(a, to, 6, tcp(a, to, port, flags, from_port=5000 + flags, acknowledgement=1, text=MARK)))


def data_into_sessions_of_others():
    """With every guess that a blind attacker has, and with the right numbers, as one who saw them."""
    port = given["session_port"]
    for a, b, c in families("a", "b", "c"):
        for source, to, ports in ((c, b, (port, 7005)), (b, c, (7005, port)), (a, b, (port, 7005)), (a, c, (7005, port))):
            for guess in (*given["sequences"], 0, 0x7fffffff, *(chance.getrandbits(32) for _ in range(20))):
                for flags in (0x18, 0x04, 0x14, 0x11, 0x02):
                    yield ether(ip(source, to, 6, tcp(source, to, ports[1], flags, ports[0], guess, given["sequences"][0], MARK)))


def random_frames():
    bases = [ether(datagram(s, t, p)) for s, t in families("a", "b") for p in (7002, 7009)]
    bases += [ether(ip(s, t, 6, tcp(s, t, p, f, text=MARK))) for s, t in families("a", "b") for p in (7001, 7009) for f in (2, 0x10)]
    bases += [ether(datagram(s, t)) for s, t in families("a", "c")] + [ether(datagram(s, t)) for s, t in families("c", "b")]
    bases += [ether(ip(A["v4"], B["v4"], 17, udp(A["v4"], B["v4"], 7002, b"x" * 56), 0x2000))]
    bases += [ether(ip(A["v6"], B["v6"], 60, b"\x11\0\1\4\0\0\0\0" + udp(A["v6"], B["v6"], 7002)))]
    for _ in range(given.get("count", 20000)):
        frame = bytearray(chance.choice(bases))
        kind = chance.random()
        if kind < 0.1:
            frame = bytearray(HUB + ME) + chance.randbytes(chance.randrange(2, 200))
        elif kind < 0.2:
            frame = frame[:chance.randrange(14, len(frame))]
        elif kind < 0.3:
            frame += chance.randbytes(chance.randrange(1, 400))
        else:
            for _ in range(chance.choice((1, 1, 2, 3, 8))):
                at = chance.randrange(0 if chance.random() < 0.1 else 12, min(len(frame), 90))
                frame[at] = chance.choice((frame[at] ^ 1 << chance.randrange(8), chance.randrange(256)))
        yield bytes(frame)


def main():
    raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    raw.bind(("eth0", 0))
    sent, refused = 0, 0
    for frame in globals()[given["attack"]]():
        try:
            sent += raw.send(frame) == len(frame)
        except OSError:
            refused += 1
    print(json.dumps({"sent": sent, "refused": refused}))


if __name__ == "__main__":
    main()
