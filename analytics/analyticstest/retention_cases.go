package analyticstest

// Columns: cohort, size, period, persons, rate.
var retentionCases = []Case{
	{
		Name: "retention by day",
		Events: `
			1 open 2026-01-01T09:00:00Z
			1 play 2026-01-01T10:00:00Z
			1 play 2026-01-02T10:00:00Z
			1 open 2026-01-02T09:00:00Z
			2 open 2026-01-01T09:00:00Z
			2 play 2026-01-03T10:00:00Z
			2 play 2026-01-03T11:00:00Z
			# before the first event: no return
			3 play 2026-01-02T08:00:00Z
			3 open 2026-01-02T09:00:00Z
			# never opened
			4 play 2026-01-02T08:00:00Z`,
		Asks: []Ask{
			{`"kind":"retention","from":"2026-01-01T00:00:00Z","to":"2026-01-04T00:00:00Z","periods":2,"first":{"event":"open"},"return":{"event":"play"}`, `
				["2026-01-01T00:00:00Z",2,0,1,0.5]
				["2026-01-01T00:00:00Z",2,1,1,0.5]
				["2026-01-01T00:00:00Z",2,2,1,0.5]
				["2026-01-02T00:00:00Z",1,0,0,0]
				["2026-01-02T00:00:00Z",1,1,0,0]
				["2026-01-03T00:00:00Z",0,0,0,0]`},
			{`"kind":"retention","mode":"rolling","from":"2026-01-01T00:00:00Z","to":"2026-01-04T00:00:00Z","periods":1,"first":{"event":"open"},"return":{"event":"play"}`, `
				["2026-01-01T00:00:00Z",2,0,2,1]
				["2026-01-01T00:00:00Z",2,1,2,1]
				["2026-01-02T00:00:00Z",1,0,0,0]
				["2026-01-02T00:00:00Z",1,1,0,0]
				["2026-01-03T00:00:00Z",0,0,0,0]`},
			{`"kind":"retention","from":"2026-01-01T00:00:00Z","to":"2026-01-03T00:00:00Z","periods":1,"first":{"event":"open"},"return":{"event":"*"}`, `
				["2026-01-01T00:00:00Z",2,0,1,0.5]
				["2026-01-01T00:00:00Z",2,1,1,0.5]
				["2026-01-02T00:00:00Z",1,0,0,0]`},
			{`"kind":"retention","from":"2026-01-01T00:00:00Z","to":"2026-01-03T00:00:00Z","periods":1,"segment":"seg_odd","first":{"event":"open"},"return":{"event":"play"}`, `
				["2026-01-01T00:00:00Z",1,0,1,1]
				["2026-01-01T00:00:00Z",1,1,1,1]
				["2026-01-02T00:00:00Z",1,0,0,0]`},
		},
	},
	{
		Name: "retention of one event",
		Events: `
			# the first event is not its own return, a second one on that day is
			1 a 2026-01-01T09:00:00Z
			2 a 2026-01-01T09:00:00Z
			2 a 2026-01-01T09:00:00Z
			3 a 2026-01-01T09:00:00Z
			3 a 2026-01-02T09:00:00Z`,
		Asks: []Ask{{`"kind":"retention","from":"2026-01-01T00:00:00Z","to":"2026-01-03T00:00:00Z","first":{"event":"a"},"return":{"event":"a"}`, `
			["2026-01-01T00:00:00Z",3,0,1,0.3333333333333333]
			["2026-01-01T00:00:00Z",3,1,1,0.3333333333333333]
			["2026-01-02T00:00:00Z",0,0,0,0]`}},
	},
	{
		Name: "retention by week and month in a zone",
		Events: `
			# in Shanghai Monday 5 January begins at 16:00 on Sunday in UTC
			1 a 2026-01-04T15:59:59Z
			1 b 2026-01-04T16:00:00Z
			2 a 2026-01-04T16:00:00Z
			2 b 2026-01-18T16:00:00Z
			3 a 2026-01-31T15:59:59Z
			3 b 2026-01-31T16:00:00Z`,
		Asks: []Ask{
			{`"kind":"retention","tz":"Asia/Shanghai","interval":"week","from":"2025-12-28T16:00:00Z","to":"2026-01-25T16:00:00Z","periods":2,"first":{"event":"a"},"return":{"event":"b"}`, `
				["2025-12-28T16:00:00Z",1,0,0,0]
				["2025-12-28T16:00:00Z",1,1,1,1]
				["2025-12-28T16:00:00Z",1,2,0,0]
				["2026-01-04T16:00:00Z",1,0,0,0]
				["2026-01-04T16:00:00Z",1,1,0,0]
				["2026-01-04T16:00:00Z",1,2,1,1]
				["2026-01-11T16:00:00Z",0,0,0,0]
				["2026-01-11T16:00:00Z",0,1,0,0]
				["2026-01-18T16:00:00Z",0,0,0,0]`},
			{`"kind":"retention","tz":"Asia/Shanghai","interval":"month","from":"2025-12-31T16:00:00Z","to":"2026-02-28T16:00:00Z","periods":1,"first":{"event":"a"},"return":{"event":"b"}`, `
				["2025-12-31T16:00:00Z",3,0,2,0.6666666666666666]
				["2025-12-31T16:00:00Z",3,1,1,0.3333333333333333]
				["2026-01-31T16:00:00Z",0,0,0,0]`},
		},
	},
	{
		Name: "retention of merged persons",
		Events: `
			1 a 2026-01-01T00:00:00Z
			2 a 2026-01-02T00:00:00Z
			2 b 2026-01-02T00:00:01Z
			2 is 1`,
		Asks: []Ask{{`"kind":"retention","from":"2026-01-01T00:00:00Z","to":"2026-01-03T00:00:00Z","periods":1,"first":{"event":"a"},"return":{"event":"b"}`, `
			["2026-01-01T00:00:00Z",1,0,0,0]
			["2026-01-01T00:00:00Z",1,1,1,1]
			["2026-01-02T00:00:00Z",0,0,0,0]`}},
	},
}
