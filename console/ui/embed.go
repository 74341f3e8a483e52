// Package ui holds the console: a React application that is built by Vite into dist
// and embedded here. `go build` needs no Node: without a build, Dist is one page that
// says how to make one.
package ui

import (
	"embed"
	"io/fs"
)

// dist always holds a .gitkeep, which is what lets it be embedded before the first build.
//
//go:embed all:dist
var dist embed.FS

//go:embed placeholder
var placeholder embed.FS

// Dist returns the files of the console, with index.html at the root: the build when
// there is one, the placeholder page otherwise.
func Dist() fs.FS {
	if Built() {
		return sub(dist, "dist")
	}
	return sub(placeholder, "placeholder")
}

// Built tells whether the console was built before this binary was compiled.
func Built() bool {
	_, err := fs.Stat(dist, "dist/index.html")
	return err == nil
}

// sub cannot fail for the two constant names above: both folders are embedded, or this
// package does not compile.
func sub(fsys fs.FS, dir string) fs.FS {
	f, err := fs.Sub(fsys, dir)
	if err != nil {
		return fsys
	}
	return f
}
