package main

import (
	"bytes"
	"compress/gzip"
	"flag"
	"fmt"
	"os"
)

func main() {
	folder := flag.String("definitions", "", "the folder with profiles-types.json and its like")
	out := flag.String("out", "r4.table.gz", "the table to write")
	flag.Parse()
	if err := run(*folder, *out); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

// run makes the table of the definitions in a folder.
func run(folder, out string) error {
	if folder == "" {
		return fmt.Errorf("name the folder of the definitions with -definitions: see the comment of this command")
	}
	types, err := readTypes(folder)
	if err != nil {
		return err
	}
	sets, err := readSets(folder)
	if err != nil {
		return err
	}
	var table bytes.Buffer
	w := writer{out: &table, sets: sets, numbers: map[string]int{}}
	w.table(types)
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := z.Write(table.Bytes()); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	if err := os.WriteFile(out, packed.Bytes(), 0o644); err != nil {
		return err
	}
	for _, note := range w.notes {
		fmt.Println(note)
	}
	fmt.Printf("%d types, %d value sets, %d bytes, packed %d\n", len(types), len(w.numbers), table.Len(), packed.Len())
	return nil
}
