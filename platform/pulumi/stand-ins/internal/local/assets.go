package local

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/gobwas/glob"
	"github.com/pulumi/pulumi-go-provider/infer/types"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// assets returns the files under dir that the patterns choose, by their path in dir.
func assets(dir string, patterns []string) (*map[string]*types.AssetOrArchive, error) {
	files, err := chosen(dir, patterns)
	if err != nil {
		return nil, err
	}
	found := map[string]*types.AssetOrArchive{}
	for file, asset := range files {
		found[file] = &types.AssetOrArchive{Asset: asset}
	}
	return &found, nil
}

// archive returns the files under dir that the patterns choose as one archive.
func archive(dir string, patterns []string) (*resource.Archive, error) {
	files, err := chosen(dir, patterns)
	if err != nil {
		return nil, err
	}
	content := map[string]any{}
	for file, asset := range files {
		content[file] = asset
	}
	return resource.NewAssetArchive(content)
}

// chosen applies the patterns in order; one with a leading `!` takes files out again.
func chosen(dir string, patterns []string) (map[string]*resource.Asset, error) {
	rules := make([]rule, len(patterns))
	for i, pattern := range patterns {
		text, exclude := strings.CutPrefix(pattern, "!")
		matcher, err := glob.Compile(text, '/')
		if err != nil {
			return nil, fmt.Errorf("pattern %q: %w", pattern, err)
		}
		rules[i] = rule{matcher, exclude}
	}
	if dir == "" {
		dir = "."
	}

	files := map[string]*resource.Asset{}
	return files, fs.WalkDir(os.DirFS(dir), ".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !picked(rules, file) {
			return err
		}
		files[file], err = resource.NewPathAsset(path.Join(dir, file))
		return err
	})
}

type rule struct {
	*glob.Pattern
	exclude bool
}

func picked(rules []rule, file string) bool {
	in := false
	for _, rule := range rules {
		if rule.Match(file) {
			in = !rule.exclude
		}
	}
	return in
}
