#!/usr/bin/env python3
"""A second verifier of journals and proofs, from doc/evidence.md alone.

usage: second_verifier.py journal DIR     what `tests/tlog/journal make` writes
       second_verifier.py proof VKEY FILE

DIR/journal has the journal's id in hex, then a line of JSON an entry,
{"text":...,"link":hex}; keys, marks and roots (a line each, "size hex") and
record (512 bytes) may be there.  Prints the verdict and exits 0, or 1.
"""
import base64, hashlib, hmac, json, os, re, sys

MAX, STEPS = 2**53 - 1, 2**26
CODE, HASH, ID, POSITIVE = r'[a-z0-9-]{1,64}', r'[0-9a-f]{64}', r'[0-9a-f]{16}', r'[1-9][0-9]{0,15}'
NOTES = ['id-reused', 'time-moved', 'session-kept']
H = lambda data: hashlib.sha256(data).digest()
HMAC = lambda key, data: hmac.new(key, data, hashlib.sha256).digest()
L = lambda what: b'agentlens journal ' + what + b' v1\n'
num = lambda low: lambda v: type(v) is int and low <= v <= MAX
like = lambda rule: lambda v: type(v) is str and re.fullmatch(rule, v) is not None
null = lambda v: v is None
text = lambda v: type(v) is str and '\0' not in v
maybe = lambda rule: lambda v: v is None or rule(v)
notes = lambda v: type(v) is list and v == [n for n in NOTES if n in v]
lost = lambda v: v is None or type(v) is list and len(v) == 2 and num(1)(v[0]) and num(v[0])(v[1])
code, digest = like(CODE), like(HASH)
RECEIVED = dict(source=code, scheme=maybe(code), length=num(0), mapping=num(0))
COMMITTED = dict(notes=notes, address=maybe(digest))
EVENT = dict(eventId=text, event=digest, tenant=text, org=text, project=maybe(text))
KINDS = {
    'delivery': {**RECEIVED, 'reason': null, **COMMITTED, 'delivery': digest, **EVENT},
    'refused': {**RECEIVED, 'reason': code, **COMMITTED, 'delivery': digest, 'eventId': null,
                'event': null, **{k: maybe(text) for k in ('tenant', 'org', 'project')}},
    'accepted': {'of': num(1), 'mapping': num(0), **COMMITTED, 'delivery': maybe(digest), **EVENT},
    'prune': dict(what=code, before=maybe(num(0)), count=num(0), numbers=digest),
    'erase': dict(what=code, count=num(0), numbers=digest),
    'takeover': dict(sessions=num(0), events=num(0), root=digest),
    'key-open': dict(commit=digest, size=num(0), root=digest),
    'key-close': dict(next=like(ID), commit=digest),
    'gap': dict(why=code, lost=lost),
}

class Broken(Exception): pass

def must(holds, what):
    if not holds: raise Broken(what)

def entry_of(line):
    entry = json.loads(line)
    must(json.dumps(entry, ensure_ascii=False, separators=(',', ':')) == line, 'not canonical')
    must(type(entry) is dict and entry.get('kind') in KINDS, 'kind')
    rules = dict(v=lambda v: v == 1, number=num(1), writer=maybe(like(ID)),
        turn=maybe(num(1)), kind=text, received=num(0), **KINDS[entry['kind']])
    must(list(entry) == list(rules), 'keys')
    for name in rules: must(rules[name](entry[name]), name)
    must(null(entry['writer']) == null(entry['turn']), 'turn')
    return entry

def root_of(leaves):
    if len(leaves) < 2: return leaves[0] if leaves else H(b'')
    k = 1 << (len(leaves) - 1).bit_length() - 1
    return H(b'\1' + root_of(leaves[:k]) + root_of(leaves[k:]))

def unbase64(text):
    raw = base64.b64decode(text, validate=True)
    must(base64.b64encode(raw).decode() == text, 'base 64')
    return raw

def fields(line, label, rules):
    parts = line.split('+', len(rules) + 1)
    must(len(parts) == len(rules) + 2 and parts[0] == label, 'no ' + label)
    for part, rule in zip(parts[1:], rules): must(re.fullmatch(rule, part), label)
    return parts[1], *map(int, parts[2:-1]), checked(parts[-1])

def checked(b64, size=32):
    raw = unbase64(b64)
    must(len(raw) == size + 4 and H(raw[:size])[:4] == raw[size:], 'checksum of a key or mark')
    return raw[:size]

class Writer:
    def __init__(self, keys):
        self.last, self.number, self.closed, self.known, self.vouched = 0, 0, False, False, 0
        self.turn, self.key = min(keys, default=(MAX + 1, None))
    def at(self, turn, budget):
        budget[0] -= turn - self.turn
        must(budget[0] >= 0, 'too far')
        key = self.key
        for _ in range(turn - self.turn): key = HMAC(key, L(b'next'))
        return key

def journal(folder):
    def lines(name, sep):
        path = os.path.join(folder, name)
        return [l.split(sep) for l in open(path).read().split('\n') if l] if os.path.exists(path) else []
    rows = open(os.path.join(folder, 'journal'), encoding='utf-8', newline='\n').read().split('\n')[:-1]
    J, rows = bytes.fromhex(rows[0]), [json.loads(r) for r in rows[1:]]
    keys = [fields(k[0], 'agentlens-journal', [ID, POSITIVE]) for k in lines('keys', '\0')]
    for w, t, k in keys: must(t > 1 or HMAC(k, L(b'key')).hex()[:16] == w, 'key of another writer')
    marks = [fields(m[0], 'agentlens-journal-end', [ID, POSITIVE, '0|' + POSITIVE]) for m in lines('marks', '\0')]
    roots = [(int(s), r) for s, r in lines('roots', ' ')]
    record, lost_, gaps, unkeyed, unvouched = None, 0, [], 0, 0
    if os.path.exists(os.path.join(folder, 'record')):
        b = open(os.path.join(folder, 'record'), 'rb').read()
        if len(b) == 512 and b[:8] == b'ALJKEY1\n' and H(L(b'record') + b[:128]) == b[128:160] and b[8:24] == J:
            record = (b[24:32].hex(), *(int.from_bytes(b[i:i + 8], 'big') for i in (32, 40)), b[48:80], b[80:112])
    link, links, leaves, writers, pending, budget = H(L(b'begin') + J), [], [], {}, None, [STEPS]
    links.append(link)
    turn_at = [0]  # of the record's writer, by number
    for n, row in enumerate(rows, 1):
        e = entry_of(row['text'])
        must(e['number'] == n, 'number')
        stored, leaf, kind, turn = bytes.fromhex(row['link']), H(b'\0' + row['text'].encode()), e['kind'], e['turn']
        must(pending is None or kind == 'key-open' and (e['writer'], e['commit']) == pending, 'handover')
        pending = None
        if e['writer'] is None:
            must(kind not in ('key-open', 'key-close', 'gap'), 'must be keyed')
            must(stored == H(L(b'open') + link + leaf), 'link')
            unkeyed += 1
        else:
            must((e['writer'] in writers) == (kind != 'key-open'), 'writer')
            w = writers.setdefault(e['writer'], Writer([(t, k) for i, t, k in keys if i == e['writer']]))
            if kind == 'key-open':
                must(e['commit'][:16] == e['writer'] and e['size'] == n - 1 and e['root'] == root_of(leaves).hex(), 'key-open')
            must(not w.closed, 'closed')
            must(turn == w.last + 1 or kind == 'gap', 'turn')
            if kind == 'gap':
                must(e['lost'] == (None if turn == w.last + 1 else [w.last + 1, turn - 1]), 'gap')
                gaps.append(n)
            if turn >= w.turn:
                key = w.at(turn, budget)
                must(stored == HMAC(key, L(b'link') + link + leaf), 'mac')
                w.turn, w.key, w.vouched = turn + 1, HMAC(key, L(b'next')), w.vouched + 1
            else: unvouched += 1
            w.last, w.number = turn, n
            if kind == 'key-close': w.closed, pending = True, (e['next'], e['commit'])
        must(kind != 'accepted' or e['of'] < n, 'of')
        link = stored
        links.append(link); leaves.append(leaf)
        turn_at.append(writers[record[0]].last if record and record[0] in writers else 0)
        for i, t, number, mark in marks:
            if number != n: continue
            must(i in writers, 'mark')
            w = writers[i]
            if w.key is None or not w.vouched and w.turn > t: continue
            must(w.turn == t == w.last + 1 and mark == HMAC(w.key, L(b'end') + link), 'mark')
    n = len(rows)
    must(pending is None, 'handover')
    if record:
        i, t, number, stored, key = record
        w, last = writers.get(i), writers[i].last if i in writers else 0
        in_step = number <= n and links[number] == stored
        must(last < t if not in_step else turn_at[number] == t - 1, 'record')
        if not in_step: lost_ = max(number - n, t - 1 - last, 1)
        if w: w.known = True
        if w and w.key and (w.turn <= t): must(w.at(t, budget) == key, "record's key")
    for i, t, number, mark in marks:
        lost_ = max(lost_, number - n)
        if i in writers and writers[i].key and number <= n and t == writers[i].last + 1: writers[i].known = True
    for size, root in roots: must(size <= n and root_of(leaves[:size]).hex() == root, 'root')
    for i, t, k in keys: must(i in writers and writers[i].vouched, 'no entry under a key')
    sealed = max([s for s, r in roots], default=0)
    open_ = any(not w.closed and not w.known and w.number > sealed for w in writers.values())
    return ['SOUND'] + ['LOST %d' % lost_] * (lost_ > 0) + ['OPEN END'] * open_ + \
        ['NOT VOUCHED'] * (unvouched > 0) + ['NOT KEYED'] * (unkeyed > 0) + ['GAP %d' % g for g in gaps]

# Ed25519, from RFC 8032, section 5.1.
P, Q = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P

def add(a, b):
    A, B = (a[1] - a[0]) * (b[1] - b[0]), (a[1] + a[0]) * (b[1] + b[0])
    C, E = 2 * a[3] * b[3] * D, 2 * a[2] * b[2]
    E, F, G, I = B - A, E - C, E + C, B + A
    return E * F % P, G * I % P, F * G % P, E * I % P

def mul(s, a):
    r = (0, 1, 1, 0)
    while s:
        if s & 1: r = add(r, a)
        a, s = add(a, a), s >> 1
    return r

def point(b):
    y = int.from_bytes(b, 'little'); sign, y = y >> 255, y & (1 << 255) - 1
    must(y < P, 'y >= p')
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if x * x % P != x2: x = x * pow(2, (P - 1) // 4, P) % P
    must(x * x % P == x2 and (x or not sign), 'no point')
    x = x if x & 1 == sign else P - x
    return x, y, 1, x * y % P

def verify(public, message, signature):
    A, R, s = point(public), point(signature[:32]), int.from_bytes(signature[32:], 'little')
    must(s < Q and mul(8, A)[0] != 0, 'S >= L, or a key of small order')
    h = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), 'little') % Q
    a, b = mul(s, point((4 * pow(5, P - 2, P) % P).to_bytes(32, 'little'))), add(R, mul(h, A))
    must((a[0] * b[2] - b[0] * a[2]) % P == 0 and (a[1] * b[2] - b[1] * a[2]) % P == 0, 'signature')

def proof(vkey, path):
    b64 = unbase64
    name, kid, key = vkey.split('+', 2)
    key = b64(key)
    must(key[:1] == b'\1' and H(name.encode() + b'\n' + key)[:4].hex() == kid, 'vkey')
    head, rest = open(path, encoding='utf-8', newline='\n').read().split('\n\n', 1)
    body, sigs = rest.rsplit('\n\n', 1)
    body += '\n'
    title, extra, index, *hashes = head.split('\n')
    must(title == 'c2sp.org/tlog-proof@v1' and extra[:6] == 'extra ' and index[:6] == 'index ', 'head')
    mine = [b64(s.split(' ')[2]) for s in sigs.split('\n')[:-1] if s.split(' ')[1] == name]
    mine = [s[4:] for s in mine if s[:4].hex() == kid]
    must(mine, 'not signed')
    for s in mine: verify(key[1:], body.encode(), s)
    origin, size, root = body.split('\n')[:3]
    must(origin == name, 'origin')
    x, index, size = json.loads(b64(extra[6:])), int(index[6:]), int(size)
    e = entry_of(x['entry'])
    must(e['number'] == index + 1 <= size, 'index')
    h, fn, sn = H(b'\0' + x['entry'].encode()), index, size - 1
    for p in map(b64, hashes):
        must(sn, 'path')
        if fn & 1 or fn == sn:
            h = H(b'\1' + p + h)
            while not fn & 1 and fn: fn, sn = fn >> 1, sn >> 1
        else: h = H(b'\1' + h + p)
        fn, sn = fn >> 1, sn >> 1
    must(sn == 0 and h == b64(root), 'path')
    opened = {}
    for part in ('address', 'delivery', 'event'):
        if x[part] is None: continue
        opened[part] = b64(x[part]['data'])
        label = ('agentlens %s v1' % part).encode() + b'\0'
        must(H(label + b64(x[part]['salt']) + opened[part]).hex() == e[part], part)
    event, body = x['disclosed']['event'], x['disclosed']['body']
    must(event is None or H(event.encode()).hex().encode() == opened.get('event') and json.loads(event)['id'] == e['eventId'], 'event')
    must(body is None or H(b64(body)).hex() == json.loads(opened.get('delivery', b'{}')).get('body'), 'body')
    return ['PROVEN', 'entry %d' % e['number']]

if __name__ == '__main__':
    try:
        print(', '.join({'journal': journal, 'proof': proof}[sys.argv[1]](*sys.argv[2:])))
    except (Broken, ValueError, LookupError, TypeError) as fault:
        print('BROKEN:', fault)
        sys.exit(1)
