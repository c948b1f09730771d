#!/usr/bin/env python3
"""Plants faults in the sample journal and has both verifiers look for them.

usage: plant.py PROGRAM DIR [SEED]

PROGRAM is tests/tlog/journal, DIR what it made.  Each planted fault must be
found by both; of changes by chance both must say the same.
"""
import hashlib, hmac, json, os, random, shutil, subprocess, sys, tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
import second_verifier as second

program, sample, *seed = sys.argv[1:]
seed = int(seed[0]) if seed else random.randrange(1 << 32)
chance = random.Random(seed)
work = tempfile.mkdtemp()
wrong = 0

def load():
    files = {}
    for name in os.listdir(sample):
        files[name] = open(os.path.join(sample, name), 'rb').read()
    lines = files.pop('journal').decode().split('\n')[:-1]
    return lines[0], [json.loads(l) for l in lines[1:]], files

def judge(id, rows, files):
    """What both say: two texts."""
    shutil.rmtree(work)
    os.mkdir(work)
    for name in files:
        open(os.path.join(work, name), 'wb').write(files[name])
    with open(os.path.join(work, 'journal'), 'w', newline='\n') as out:
        out.write(id + '\n')
        for row in rows:
            out.write(json.dumps(row, ensure_ascii=False, separators=(',', ':')) + '\n')
    ours = subprocess.run([program, 'check', work], capture_output=True, text=True).stdout.strip()
    try:
        theirs = ', '.join(second.journal(work))
    except Exception as fault:
        theirs = 'BROKEN: %s' % fault
    return ours, theirs

def same(ours, theirs):
    return ours == theirs or ours.startswith('BROKEN') and theirs.startswith('BROKEN')

def expect(what, id, rows, files, expected):
    global wrong
    ours, theirs = judge(id, rows, files)
    good = all(v.startswith(expected) if expected == 'BROKEN' else v == expected for v in (ours, theirs))
    wrong += not good
    print('%s %s: %s / %s' % ('ok' if good else 'NOT OK', what, ours, theirs))

def text(change):
    """A change of an entry's text, its value given."""
    def plant(id, rows, files):
        at, name, value = change
        entry = json.loads(rows[at]['text'])
        entry[name] = value
        rows[at]['text'] = json.dumps(entry, ensure_ascii=False, separators=(',', ':'))
    return plant

def chain(rows, start, id, key=None):
    """Chains anew as who has no key, or the present one."""
    L = lambda what: b'agentlens journal ' + what + b' v1\n'
    link = bytes.fromhex(rows[start - 1]['link']) if start else second.H(L(b'begin') + bytes.fromhex(id))
    for row in rows[start:]:
        leaf = second.H(b'\0' + row['text'].encode())
        if json.loads(row['text'])['writer'] is None:
            link = second.H(L(b'open') + link + leaf)
        else:
            link = hmac.new(key or bytes(32), L(b'link') + link + leaf, hashlib.sha256).digest()
        row['link'] = link.hex()

def renumber(rows):
    for n, row in enumerate(rows, 1):
        entry = json.loads(row['text'])
        entry['number'] = n
        row['text'] = json.dumps(entry, ensure_ascii=False, separators=(',', ':'))

def removed(id, rows, files):
    del rows[5]
    renumber(rows)
    chain(rows, 5, id, files.get('record', bytes(512))[80:112])

def unkeyed(id, rows, files):
    for row in rows[14:]:
        entry = json.loads(row['text'])
        if entry['kind'] in ('delivery', 'erase', 'prune'):
            entry['writer'] = entry['turn'] = None
        row['text'] = json.dumps(entry, ensure_ascii=False, separators=(',', ':'))
    chain(rows, 14, id, files.get('record', bytes(512))[80:112])

def edited(id, rows, files):
    """The tail cut, and the record made to fit."""
    del rows[-1], files['marks']
    record = bytearray(files['record'][:128])
    record[40:48] = len(rows).to_bytes(8, 'big')
    record[48:80] = bytes.fromhex(rows[-1]['link'])
    files['record'] = bytes(record) + second.H(b'agentlens journal record v1\n' + record) + bytes(352)

def swap(id, rows, files):
    rows[4], rows[5] = rows[5], rows[4]

def swap_numbered(id, rows, files):
    swap(id, rows, files)
    renumber(rows)
    chain(rows, 4, id, files.get('record', bytes(512))[80:112])

def first_key(id, rows, files):
    files['keys'] = files['keys'].split(b'\n')[0] + b'\n'

def set_link(at, value):
    return lambda id, rows, files: rows[at].update(link=value)

faults = {
    'the length of a body': text((4, 'length', 78)),
    'another source': text((4, 'source', 'generic')),
    'unsigned now': text((4, 'scheme', None)),
    'a refused one with another reason': text((7, 'reason', 'bad-field')),
    'another event': text((4, 'event', '0' * 64)),
    'another tenant': text((4, 'tenant', 'b')),
    'another time of receipt': text((4, 'received', 1)),
    'a note left out': text((4, 'notes', ['id-reused'])),
    'a turn': text((4, 'turn', 9)),
    'a turn of 2^53 - 1': text((4, 'turn', 2**53 - 1)),
    'a number': text((4, 'number', 9)),
    'what is accepted': text((8, 'of', 9)),
    'the lost turns of a gap': text((9, 'lost', [8, 10])),
    'a gap without them': text((9, 'lost', None)),
    'a gap of 2^53 turns': text((9, 'lost', [7, 2**53 - 1])),
    'the root of a key-open': text((3, 'root', '0' * 64)),
    'the commitment of a key-close': text((14, 'commit', '0' * 64)),
    'a member more': text((4, 'more', 1)),
    'an unkeyed entry': text((1, 'length', 1)),
    'a row removed': lambda id, rows, files: rows.__delitem__(5),
    'the first row removed': lambda id, rows, files: rows.__delitem__(0),
    'a row removed, all renumbered and chained anew': removed,
    'a row doubled': lambda id, rows, files: rows.insert(5, dict(rows[5])),
    'two rows swapped': swap,
    'two rows swapped and chained anew': swap_numbered,
    'keyed rows without a key now': unkeyed,
    'a link': set_link(4, '0' * 64),
    'a link that is short': set_link(4, '00'),
    'no text': lambda id, rows, files: rows[4].update(text=''),
    'the record edited': edited,
    'a root of a checkpoint': lambda id, rows, files: files.update(roots=b'9 ' + b'0' * 64 + b'\n'),
    'a checkpoint beyond the end': lambda id, rows, files: files.update(roots=b'900 ' + b'0' * 64 + b'\n'),
}
innocent = {
    'as it is': (lambda id, rows, files: None, 'SOUND, NOT KEYED, GAP 10'),
    'without the record and the mark': (lambda id, rows, files: (files.pop('record'), files.pop('marks')),
        'SOUND, OPEN END, NOT KEYED, GAP 10'),
    'without keys': (lambda id, rows, files: files.pop('keys'),
        'SOUND, NOT VOUCHED, NOT KEYED, GAP 10'),
    'the first key only': (first_key, 'SOUND, NOT VOUCHED, NOT KEYED, GAP 10'),
    'the tail cut': (lambda id, rows, files: rows.__delitem__(slice(18, None)),
        'SOUND, LOST 1, NOT KEYED, GAP 10'),
    'the tail cut, the record deleted': (lambda id, rows, files: (rows.__delitem__(slice(18, None)),
        files.pop('record'), files.pop('marks')), 'SOUND, OPEN END, NOT KEYED, GAP 10'),
    'the record damaged': (lambda id, rows, files: files.update(record=b'x' * 512),
        'SOUND, NOT KEYED, GAP 10'),
}

for what, plant in faults.items():
    id, rows, files = load()
    plant(id, rows, files)
    expect(what, id, rows, files, 'BROKEN')
for what, (plant, expected) in innocent.items():
    id, rows, files = load()
    plant(id, rows, files)
    expect(what, id, rows, files, expected)

def by_chance(id, rows, files):
    kind = chance.randrange(8)
    at = chance.randrange(len(rows))
    if kind == 0:
        del rows[at:at + chance.randrange(1, 4)]
    elif kind == 1:
        del rows[at:]
    elif kind == 2:
        rows[at], rows[0] = rows[0], rows[at]
    elif kind in (3, 4):
        entry = json.loads(rows[at]['text'])
        name = chance.choice(list(entry))
        entry[name] = chance.choice([None, 0, 1, -1, at, 2**53, 2**53 - 1, '', 'a', 'A', '0' * 64,
            [], [1, 2], {}, 1.5, True, '\0', 'gap', 'delivery', 'key-open'])
        rows[at]['text'] = json.dumps(entry, ensure_ascii=False, separators=(',', ':'))
        if kind == 4:
            chain(rows, at, id, files.get('record', bytes(512))[80:112])
    elif kind == 5:
        name = chance.choice(list(files))
        data = bytearray(files[name])
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        files[name] = bytes(data)
    elif kind == 6:
        files.pop(chance.choice(list(files)))
    else:
        other = dict(rows[chance.randrange(len(rows))])
        rows.insert(at, other)
        if chance.random() < 0.5:
            renumber(rows)
        chain(rows, at, id, files.get('record', bytes(512))[80:112])

for _ in range(int(os.environ.get('CHANGES', 300))):
    id, rows, files = load()
    for _ in range(chance.randrange(1, 3)):
        if rows:
            by_chance(id, rows, files)
    ours, theirs = judge(id, rows, files)
    if not same(ours, theirs):
        wrong += 1
        print('NOT OK by chance, seed %d: %s / %s' % (seed, ours, theirs))
        keep = tempfile.mkdtemp()
        shutil.copytree(work, keep, dirs_exist_ok=True)
        print('# kept in', keep)
shutil.rmtree(work)
print('%d faults, %d innocent ones, seed %d: %d wrong' % (len(faults), len(innocent), seed, wrong))
sys.exit(wrong > 0)
