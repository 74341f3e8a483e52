// Package sdk holds the client libraries that Touchstone ships itself. For everything
// else there are Segment's, RudderStack's and 神策's.
package sdk

import _ "embed" // for the files

// MiniProgram is the library for WeChat mini programs, docs/api/miniprogram.md.
//
//go:embed miniprogram/touchstone.js
var MiniProgram []byte
