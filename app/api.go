package app

import (
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/console"
	"github.com/touchstone-cdp/touchstone/inbox"
	"github.com/touchstone-cdp/touchstone/job"
	"github.com/touchstone-cdp/touchstone/linkage"
	"github.com/touchstone-cdp/touchstone/webhook"
)

// resources are the parts of the API that features bring, in the order of the document.
// The document is also made without a server, of an App that nothing has been wired in:
// a function that makes a Resource keeps its feature and asks it nothing.
func (a *App) resources() []api.Resource {
	return append([]api.Resource{
		inbox.Resource(func() *inbox.Inbox { return a.inbox }),
		job.Resource(func() *job.Jobs { return a.jobs }, func() *job.Schedules { return a.schedules }),
		webhook.Resource(a.webhooks),
		linkage.Resource(func() *linkage.Linkage { return a.linkage }, people{a}),
		a.admissionResource(),
		a.processResource(),
		a.exportResource(),
		a.householdResource(),
	}, a.extra.resources...)
}

// OpenAPI returns the API's whole document, as JSON.
func OpenAPI() ([]byte, error) { return console.OpenAPI(new(App).resources()) }
