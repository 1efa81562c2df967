// Command ignored tells which paths a .dockerignore file leaves out, by BuildKit's own matcher, for tests to compare.
//
// It reads [{"text": …, "paths": […]}] and writes a list of booleans for each, or null where BuildKit refuses the file.
package main

import (
	"encoding/json"
	"log"
	"os"
	"strings"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

type ignoreFile struct {
	Text  string   `json:"text"`
	Paths []string `json:"paths"`
}

func main() {
	var files []ignoreFile
	if err := json.NewDecoder(os.Stdin).Decode(&files); err != nil {
		log.Fatal(err)
	}
	results := make([][]bool, len(files))
	for i, file := range files {
		results[i] = ignored(file)
	}
	if err := json.NewEncoder(os.Stdout).Encode(results); err != nil {
		log.Fatal(err)
	}
}

func ignored(file ignoreFile) []bool {
	patterns, err := ignorefile.ReadAll(strings.NewReader(file.Text))
	if err != nil {
		return nil
	}
	matcher, err := patternmatcher.New(patterns)
	if err != nil {
		return nil
	}
	result := make([]bool, len(file.Paths))
	for i, path := range file.Paths {
		if result[i], err = matcher.MatchesOrParentMatches(path); err != nil {
			return nil
		}
	}
	return result
}
