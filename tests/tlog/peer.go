// What peer.c does, by the transparency logs of Go: golang.org/x/mod's
// sumdb/note and sumdb/tlog, which Debian has as golang-golang-x-mod-dev.
package main

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

var (
	texts  []string
	stored []tlog.Hash
	folder string
)

func fail(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// reader gives what StoredHashes made, by its index.
func reader(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		hashes[i] = stored[index]
	}
	return hashes, nil
}

func readEntries() {
	content, err := os.ReadFile(filepath.Join(folder, "entries"))
	fail(err)
	texts = strings.Split(strings.TrimSuffix(string(content), "\n"), "\n")
	for i, text := range texts {
		hashes, err := tlog.StoredHashes(int64(i), []byte(text),
			tlog.HashReaderFunc(reader))
		fail(err)
		stored = append(stored, hashes...)
	}
}

func name(format string, numbers ...interface{}) string {
	return filepath.Join(folder, fmt.Sprintf(format, numbers...))
}

func writePath(out *bytes.Buffer, path []tlog.Hash, checkpoint []byte) {
	for _, hash := range path {
		fmt.Fprintln(out, base64.StdEncoding.EncodeToString(hash[:]))
	}
	fmt.Fprintln(out)
	out.Write(checkpoint)
}

// extra is our own form of what a proof says of its entry. Go's JSON escapes
// what JSON.stringify leaves as it is.
func extra(text string) string {
	quoted := &bytes.Buffer{}
	encoder := json.NewEncoder(quoted)
	encoder.SetEscapeHTML(false)
	fail(encoder.Encode(text))
	return base64.StdEncoding.EncodeToString([]byte(`{"v":1,"entry":` +
		strings.TrimSpace(quoted.String()) + `,"address":null,` +
		`"delivery":null,"event":null,` +
		`"disclosed":{"event":null,"body":null}}`))
}

func makeAll(signer note.Signer) {
	for size := int64(1); size <= int64(len(texts)); size++ {
		root, err := tlog.TreeHash(size, tlog.HashReaderFunc(reader))
		fail(err)
		checkpoint, err := note.Sign(&note.Note{Text: fmt.Sprintf("%s\n%d\n%s\n",
			signer.Name(), size, root)}, signer)
		fail(err)
		fail(os.WriteFile(name("checkpoint-%d", size), checkpoint, 0o600))
		for i := int64(0); i < size; i++ {
			path, err := tlog.ProveRecord(size, i, tlog.HashReaderFunc(reader))
			fail(err)
			out := &bytes.Buffer{}
			fmt.Fprintf(out, "c2sp.org/tlog-proof@v1\nextra %s\nindex %d\n",
				extra(texts[i]), i)
			writePath(out, path, checkpoint)
			fail(os.WriteFile(name("proof-%d-%d", size, i), out.Bytes(), 0o600))
			tree, err := tlog.ProveTree(size, i+1, tlog.HashReaderFunc(reader))
			fail(err)
			out = &bytes.Buffer{}
			fmt.Fprintf(out, "old %d\n", i+1)
			writePath(out, tree, checkpoint)
			fail(os.WriteFile(name("consistency-%d-%d", i+1, size),
				out.Bytes(), 0o600))
		}
	}
}

// openCheckpoint gives the size and the root of a signed one.
func openCheckpoint(bytes []byte, verifier note.Verifier) (int64, tlog.Hash) {
	opened, err := note.Open(bytes, note.VerifierList(verifier))
	fail(err)
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		fail(fmt.Errorf("another text: %q", opened.Text))
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	fail(err)
	root, err := tlog.ParseHash(lines[2])
	fail(err)
	return size, root
}

// split gives the lines before the first empty one, and what follows it.
func split(file string) ([]string, []byte) {
	content, err := os.ReadFile(file)
	fail(err)
	head, tail, _ := bytes.Cut(content, []byte("\n\n"))
	return strings.Split(string(head), "\n"), tail
}

func parsePath(lines []string) (path []tlog.Hash) {
	for _, line := range lines {
		hash, err := tlog.ParseHash(line)
		fail(err)
		path = append(path, hash)
	}
	return path
}

func checkAll(verifier note.Verifier) {
	done := 0
	for size := int64(1); size <= int64(len(texts)); size++ {
		for i := int64(0); i < size; i++ {
			lines, checkpoint := split(name("proof-%d-%d", size, i))
			n, root := openCheckpoint(checkpoint, verifier)
			if n != size || lines[2] != fmt.Sprintf("index %d", i) {
				fail(fmt.Errorf("proof-%d-%d is another", size, i))
			}
			fail(tlog.CheckRecord(tlog.RecordProof(parsePath(lines[3:])),
				size, root, i, tlog.RecordHash([]byte(texts[i]))))
			lines, checkpoint = split(name("consistency-%d-%d", i+1, size))
			n, root = openCheckpoint(checkpoint, verifier)
			old, err := os.ReadFile(name("checkpoint-%d", i+1))
			fail(err)
			oldSize, oldRoot := openCheckpoint(old, verifier)
			fail(tlog.CheckTree(tlog.TreeProof(parsePath(lines[1:])),
				n, root, oldSize, oldRoot))
			done++
		}
	}
	fmt.Printf("%d of each\n", done)
}

func main() {
	if len(os.Args) == 3 && os.Args[1] == "key" {
		private, public, err := note.GenerateKey(rand.Reader, os.Args[2])
		fail(err)
		fmt.Printf("%s\n%s\n", private, public)
		return
	}
	folder = os.Args[3]
	readEntries()
	switch os.Args[1] {
	case "make":
		signer, err := note.NewSigner(os.Args[2])
		fail(err)
		makeAll(signer)
	case "check":
		verifier, err := note.NewVerifier(os.Args[2])
		fail(err)
		checkAll(verifier)
	}
}
