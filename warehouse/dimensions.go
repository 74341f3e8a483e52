package warehouse

import (
	"strings"
	"unicode/utf8"

	"github.com/tidwall/gjson"

	"github.com/touchstone-cdp/touchstone"
)

// The dimensions are the few parts of the context that everybody filters by. They are
// taken out of the JSON once, when an event is appended, and have a column each.
const (
	Session = iota
	Platform
	OS
	Country
	City
	UTMSource
	UTMMedium
	UTMCampaign
	UTMTerm
	UTMContent
	Channel
	PagePath
	dimensions
)

// DimensionNames are the names of the columns, in the order of a Dimensions.
var DimensionNames = [dimensions]string{"session", "platform", "os", "country", "city",
	"utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "channel", "page_path"}

// Dimensions are an event's values; "" stands for none.
type Dimensions [dimensions]string

// maxDimensionLength bounds a value, in bytes; longer ones are cut.
const maxDimensionLength = 512

// Extract fills d from e. It reads the context once.
func (d *Dimensions) Extract(e *touchstone.Event) {
	*d = Dimensions{}
	var hints platformHints
	if e.Context != "" {
		gjson.Parse(string(e.Context)).ForEach(func(key, value gjson.Result) bool {
			d.fromContext(key.Str, value, &hints)
			return true
		})
	}
	if d[PagePath] == "" && e.Type == touchstone.Page {
		d[PagePath] = text(gjson.Get(string(e.Properties), "path"))
	}
	if d[OS] == "" {
		d[OS] = osOfUserAgent(hints.userAgent)
	}
	if d[Platform] == "" {
		d[Platform] = hints.platform(d[OS])
	}
	for i := range d {
		d[i] = cut(d[i])
	}
}

func (d *Dimensions) fromContext(key string, value gjson.Result, hints *platformHints) {
	switch key {
	case "sessionId":
		d[Session] = text(value)
	case "platform":
		d[Platform] = text(value)
	case "channel":
		d[Channel] = text(value)
	case "os":
		d[OS] = text(value.Get("name"))
	case "location":
		each(value, func(k string, v gjson.Result) {
			switch k {
			case "country":
				d[Country] = text(v)
			case "city":
				d[City] = text(v)
			}
		})
	case "campaign":
		each(value, d.fromCampaign)
	case "page":
		hints.page = true
		d[PagePath] = text(value.Get("path"))
	case "device":
		hints.device = text(value.Get("type"))
	case "library":
		hints.library = text(value.Get("name"))
	case "userAgent":
		hints.userAgent = value.Str
	case "userAgentData":
		if d[OS] == "" {
			d[OS] = text(value.Get("platform"))
		}
	}
}

func (d *Dimensions) fromCampaign(key string, value gjson.Result) {
	switch key {
	case "source":
		d[UTMSource] = text(value)
	case "medium":
		d[UTMMedium] = text(value)
	case "name":
		d[UTMCampaign] = text(value)
	case "term":
		d[UTMTerm] = text(value)
	case "content":
		d[UTMContent] = text(value)
	}
}

func each(object gjson.Result, fn func(key string, value gjson.Result)) {
	if !object.IsObject() {
		return
	}
	object.ForEach(func(k, v gjson.Result) bool {
		fn(k.Str, v)
		return true
	})
}

// text returns strings and numbers as text; what else is sent in their place is ignored.
func text(v gjson.Result) string {
	switch v.Type {
	case gjson.String:
		return v.Str
	case gjson.Number:
		return v.Raw
	}
	return ""
}

// cut bounds s without breaking a character.
func cut(s string) string {
	if len(s) <= maxDimensionLength {
		return s
	}
	n := maxDimensionLength
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// platformHints are the parts of a context that tell where an event was made.
type platformHints struct {
	device, library, userAgent string
	page                       bool
}

// platform returns web, ios, android, harmony, mini_program, server, or the type of
// the device that was sent; "" if nothing tells. A stated device type comes first,
// then the library, because a phone's browser has the phone's operating system too.
func (h *platformHints) platform(os string) string {
	library := strings.ToLower(h.library)
	switch {
	case h.device != "" && !equalsAny(h.device, "mobile", "desktop", "tablet", "phone"):
		return strings.ToLower(h.device)
	case containsAny(library, "mini", "wechat", "weixin"):
		return "mini_program"
	case containsAny(library, "analytics.js", "analytics-next", "analytics-browser", "javascript"):
		return "web"
	case containsAny(library, "ios", "swift"):
		return "ios"
	case containsAny(library, "android", "kotlin"):
		return "android"
	case containsAny(library, "harmony"):
		return "harmony"
	case h.page || strings.HasPrefix(h.userAgent, "Mozilla/"):
		return "web"
	case equalsAny(os, "ios", "ipados"):
		return "ios"
	case equalsAny(os, "android"):
		return "android"
	case equalsAny(os, "harmonyos", "openharmony"):
		return "harmony"
	case containsAny(library, "node", "python", "go", "java", "ruby", "php", "rust", "csharp", "server", "http"):
		return "server"
	}
	return ""
}

func containsAny(s string, parts ...string) bool {
	for _, p := range parts {
		if s != "" && strings.Contains(s, p) {
			return true
		}
	}
	return false
}

func equalsAny(s string, words ...string) bool {
	for _, w := range words {
		if strings.EqualFold(s, w) {
			return true
		}
	}
	return false
}

// osOfUserAgent tells the families of operating systems apart; browsers send nothing better.
func osOfUserAgent(agent string) string {
	switch {
	case agent == "":
		return ""
	case strings.Contains(agent, "iPhone"), strings.Contains(agent, "iPad"):
		return "iOS"
	case strings.Contains(agent, "HarmonyOS"):
		return "HarmonyOS"
	case strings.Contains(agent, "Android"):
		return "Android"
	case strings.Contains(agent, "Windows NT"):
		return "Windows"
	case strings.Contains(agent, "Mac OS X"):
		return "macOS"
	case strings.Contains(agent, "CrOS"):
		return "ChromeOS"
	case strings.Contains(agent, "Linux"):
		return "Linux"
	}
	return ""
}
