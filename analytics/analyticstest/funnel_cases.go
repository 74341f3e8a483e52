package analyticstest

// Columns: step, event, [breakdown…], persons, conversion, step_conversion, median_seconds, avg_seconds, total_median_seconds.
var funnelCases = []Case{
	{
		Name: "funnel",
		Events: `
			1 view 2026-01-01T10:00:00Z
			1 add 2026-01-01T10:01:00Z
			1 buy 2026-01-01T10:03:00Z
			2 view 2026-01-01T10:00:00Z
			2 add 2026-01-01T10:03:00Z
			3 view 2026-01-01T10:00:00Z
			# only later steps
			4 add 2026-01-01T10:00:00Z
			4 buy 2026-01-01T10:01:00Z
			# out of order
			5 add 2026-01-01T10:00:00Z
			5 view 2026-01-01T10:01:00Z
			5 buy 2026-01-01T10:02:00Z`,
		Asks: []Ask{
			{`"kind":"funnel",RANGE,"steps":[{"event":"view"},{"event":"add"},{"event":"buy"}]`, `
				[1,"view",4,1,1,null,null,null]
				[2,"add",2,0.5,0.5,120,120,120]
				[3,"buy",1,0.25,0.5,120,120,180]`},
			{`"kind":"funnel",RANGE,"order":"loose","steps":[{"event":"view","name":"Seen"},{"event":"buy"}]`, `
				[1,"Seen",4,1,1,null,null,null]
				[2,"buy",2,0.5,0.5,120,120,120]`},
			{`"kind":"funnel",RANGE,"steps":[{"event":"view"}]`, `[1,"view",4,1,1,null,null,null]`},
			{`"kind":"funnel",RANGE,"steps":[{"event":"never"},{"event":"view"}]`, `
				[1,"never",0,0,0,null,null,null]
				[2,"view",0,0,0,null,null,null]`},
			{`"kind":"funnel",RANGE,"segment":"seg_odd","steps":[{"event":"view"},{"event":"buy"}]`, `
				[1,"view",3,1,1,null,null,null]
				[2,"buy",2,0.6666666666666666,0.6666666666666666,120,120,120]`},
		},
	},
	{
		// windowFunnel: timestamp <= first timestamp + window.
		Name: "funnel at the window's edge",
		Events: `
			1 a 2026-01-01T00:00:00Z
			1 b 2026-01-01T01:00:00Z
			2 a 2026-01-01T00:00:00Z
			2 b 2026-01-01T01:00:00.001Z
			3 a 2026-01-01T00:00:00Z
			3 b 2026-01-01T00:30:00Z
			3 c 2026-01-01T01:00:00.001Z`,
		Asks: []Ask{{`"kind":"funnel",RANGE,"window":"1h","steps":[{"event":"a"},{"event":"b"},{"event":"c"}]`, `
			[1,"a",3,1,1,null,null,null]
			[2,"b",2,0.6666666666666666,0.6666666666666666,2700,2700,2700]
			[3,"c",0,0,0,null,null,null]`}},
	},
	{
		// windowFunnel sorts by (timestamp, step): steps of one moment follow one another.
		Name: "funnel within a moment",
		Events: `
			1 a 2026-01-01T00:00:00Z
			1 b 2026-01-01T00:00:00Z
			1 c 2026-01-01T00:00:00Z
			2 c 2026-01-01T00:00:00Z
			2 b 2026-01-01T00:00:00Z
			2 a 2026-01-01T00:00:00Z
			3 b 2026-01-01T00:00:00Z
			3 a 2026-01-01T00:00:00.001Z`,
		Asks: []Ask{{`"kind":"funnel",RANGE,"steps":[{"event":"a"},{"event":"b"},{"event":"c"}]`, `
			[1,"a",3,1,1,null,null,null]
			[2,"b",2,0.6666666666666666,0.6666666666666666,0,0,0]
			[3,"c",2,0.6666666666666666,1,0,0,0]`}},
	},
	{
		Name: "funnel that begins again",
		Events: `
			# the first beginning is too old at the end, the second is not
			1 a 2026-01-01T00:00:00Z
			1 b 2026-01-01T00:10:00Z
			1 a 2026-01-01T00:50:00Z
			1 b 2026-01-01T00:55:00Z
			1 c 2026-01-01T01:20:00Z
			# the second beginning has no b; the first chain is still within the window
			2 a 2026-01-01T00:00:00Z
			2 b 2026-01-01T00:10:00Z
			2 a 2026-01-01T00:20:00Z
			2 c 2026-01-01T00:30:00Z
			# the old chain is out of the window, the new one has no b
			3 a 2026-01-01T00:00:00Z
			3 b 2026-01-01T00:10:00Z
			3 a 2026-01-01T00:50:00Z
			3 c 2026-01-01T01:20:00Z
			# a b that comes twice: the first one counts for the time
			4 a 2026-01-01T00:00:00Z
			4 b 2026-01-01T00:10:00Z
			4 b 2026-01-01T00:20:00Z
			4 c 2026-01-01T00:30:00Z`,
		Asks: []Ask{{`"kind":"funnel",RANGE,"window":"1h","steps":[{"event":"a"},{"event":"b"},{"event":"c"}]`, `
			[1,"a",4,1,1,null,null,null]
			[2,"b",4,1,1,600,525,600]
			[3,"c",3,0.75,0.75,1200,1300,1800]`}},
	},
	{
		Name: "funnel with the same event in two steps",
		Events: `
			1 a 2026-01-01T00:00:00Z
			2 a 2026-01-01T00:00:00Z
			2 a 2026-01-01T00:01:00Z
			3 a 2026-01-01T00:00:00Z {"p":1}
			3 a 2026-01-01T00:01:00Z {"p":2}
			4 a 2026-01-01T00:00:00Z {"p":2}
			4 a 2026-01-01T00:01:00Z {"p":1}`,
		Asks: []Ask{
			// Each step takes an event of its own.
			{`"kind":"funnel",RANGE,"steps":[{"event":"a"},{"event":"a"}]`, `
				[1,"a",4,1,1,null,null,null]
				[2,"a",3,0.75,0.75,60,60,60]`},
			{`"kind":"funnel",RANGE,"steps":[{"event":"a"},{"event":"a"},{"event":"a"}]`, `
				[1,"a",4,1,1,null,null,null]
				[2,"a",3,0.75,0.75,60,60,60]
				[3,"a",0,0,0,null,null,null]`},
			{`"kind":"funnel",RANGE,"mode":"distinct","window":"30s","steps":[{"event":"a"},{"event":"*"}]`, `
				[1,"a",4,1,1,null,null,null]
				[2,"*",0,0,0,null,null,null]`},
			// One event may serve as both, as in windowFunnel without modes.
			{`"kind":"funnel",RANGE,"mode":"window_funnel","steps":[{"event":"a"},{"event":"a"}]`, `
				[1,"a",4,1,1,null,null,null]
				[2,"a",4,1,1,0,0,0]`},
			{`"kind":"funnel",RANGE,"steps":[{"event":"a","where":[{"property":"p","op":"eq","value":1}]},{"event":"a","where":[{"property":"p","op":"eq","value":2}]}]`, `
				[1,"a",2,1,1,null,null,null]
				[2,"a",1,0.5,0.5,60,60,60]`},
			{`"kind":"funnel",RANGE,"steps":[{"event":"a","where":[{"property":"p","op":"exists"}]},{"event":"*"},{"event":"a","where":[{"property":"p","op":"eq","value":2}]}]`, `
				[1,"a",2,1,1,null,null,null]
				[2,"*",2,1,1,60,60,60]
				[3,"a",0,0,0,null,null,null]`},
			{`"kind":"funnel",RANGE,"mode":"window_funnel","steps":[{"event":"a","where":[{"property":"p","op":"exists"}]},{"event":"*"},{"event":"a","where":[{"property":"p","op":"eq","value":2}]}]`, `
				[1,"a",2,1,1,null,null,null]
				[2,"*",2,1,1,0,0,0]
				[3,"a",2,1,1,0,0,0]`},
			{`"kind":"funnel",RANGE,"mode":"strict","steps":[{"event":"a"}]`, `error: mode`},
		},
	},
	{
		// Imports of days have many events in a moment; there, any order is an order.
		Name: "funnel with events of one moment for several steps",
		Events: `
			1 a 2026-01-01T00:00:00Z {"p":1}
			1 a 2026-01-01T00:00:00Z {"p":1}
			2 a 2026-01-01T00:00:00Z {"p":2}
			2 a 2026-01-01T00:00:00Z {"p":1}
			3 a 2026-01-01T00:00:00Z {"p":1}
			3 b 2026-01-01T00:00:00Z {"p":1}
			4 a 2026-01-01T00:00:00Z {"p":1}
			4 b 2026-01-01T00:00:00Z {"p":2}
			4 a 2026-01-02T00:00:00Z {"p":2}`,
		Asks: []Ask{
			{`"kind":"funnel",RANGE,"steps":[{"event":"a"},{"event":"a"}]`, `
				[1,"a",4,1,1,null,null,null]
				[2,"a",3,0.75,0.75,0,28800,0]`},
			{`"kind":"funnel",RANGE,"steps":[{"event":"*"},{"event":"a","where":[{"property":"p","op":"eq","value":1}]},{"event":"*","where":[{"property":"p","op":"eq","value":2}]}]`, `
				[1,"*",4,1,1,null,null,null]
				[2,"a",4,1,1,0,0,0]
				[3,"*",1,0.25,0.25,86400,86400,86400]`},
		},
	},
	{
		// The medians from step to step, 60 s and 60 s, do not add up to the median of the whole.
		Name: "funnel's median of the whole way",
		Events: `
			1 a 2026-01-01T00:00:00Z
			1 b 2026-01-01T00:01:00Z
			1 c 2026-01-01T00:11:00Z
			2 a 2026-01-01T00:00:00Z
			2 b 2026-01-01T00:10:00Z
			2 c 2026-01-01T00:11:00Z
			3 a 2026-01-01T00:00:00Z
			3 b 2026-01-01T00:01:00Z
			3 c 2026-01-01T00:02:00Z`,
		Asks: []Ask{{`"kind":"funnel",RANGE,"steps":[{"event":"a"},{"event":"b"},{"event":"c"}]`, `
			[1,"a",3,1,1,null,null,null]
			[2,"b",3,1,1,60,240,60]
			[3,"c",3,1,1,60,240,660]`}},
	},
	{
		Name: "funnel of merged persons",
		Events: `
			1 a 2026-01-01T00:00:00Z
			2 b 2026-01-01T00:01:00Z
			3 c 2026-01-01T00:02:00Z
			4 a 2026-01-01T00:00:00Z
			5 b 2026-01-01T00:01:00Z
			2 is 1
			3 is 1
			4 is 6
			6 c 2026-01-01T00:02:00Z`,
		Asks: []Ask{{`"kind":"funnel",RANGE,"steps":[{"event":"a"},{"event":"b"},{"event":"c"}]`, `
			[1,"a",2,1,1,null,null,null]
			[2,"b",1,0.5,0.5,60,60,60]
			[3,"c",1,0.5,1,60,60,120]`}},
	},
	{
		Name: "funnel in the range",
		Events: `
			1 a 2025-12-31T23:59:59.999Z
			1 b 2026-01-01T00:00:00Z
			2 a 2026-01-01T00:00:00Z
			2 b 2026-01-31T23:59:59.999Z
			3 a 2026-01-31T00:00:00Z
			3 b 2026-02-01T00:00:00Z`,
		Asks: []Ask{{`"kind":"funnel",RANGE,"window":"365d","steps":[{"event":"a"},{"event":"b"}]`, `
			[1,"a",2,1,1,null,null,null]
			[2,"b",1,0.5,0.5,2678399.999,2678399.999,2678399.999]`}},
	},
	{
		// The group is that of the first step of the chain that came the furthest.
		Name: "funnel by group",
		Events: `
			1 a 2026-01-01T00:00:00Z {"city":"x"}
			1 b 2026-01-01T00:01:00Z {"city":"y"}
			2 a 2026-01-01T00:00:00Z {"city":"y"}
			2 a 2026-01-01T00:01:00Z {"city":"x"}
			2 b 2026-01-01T00:02:00Z
			3 a 2026-01-01T00:00:00Z {"city":"y"}
			3 a 2026-01-01T00:01:00Z {"city":"x"}
			4 a 2026-01-01T00:00:00Z
			4 b 2026-01-01T00:05:00Z
			5 a 2026-01-01T00:00:00Z {"city":"x"}`,
		Asks: []Ask{
			{`"kind":"funnel",RANGE,"breakdown":[{"property":"city"}],"steps":[{"event":"a"},{"event":"b"}]`, `
				[1,"a","x",3,1,1,null,null,null]
				[2,"b","x",2,0.6666666666666666,0.6666666666666666,60,60,60]
				[1,"a","y",1,1,1,null,null,null]
				[2,"b","y",0,0,0,null,null,null]
				[1,"a",null,1,1,1,null,null,null]
				[2,"b",null,1,1,1,300,300,300]`},
			{`"kind":"funnel",RANGE,"limit":1,"breakdown":[{"property":"city"},{"dimension":"type"}],"steps":[{"event":"a"},{"event":"b"}]`, `
				[1,"a","x","track",3,1,1,null,null,null]
				[2,"b","x","track",2,0.6666666666666666,0.6666666666666666,60,60,60]`},
			{`"kind":"funnel",RANGE,"filters":[{"property":"city","op":"eq","value":"none"}],"breakdown":[{"property":"city"}],"steps":[{"event":"a"},{"event":"b"}]`, ``},
		},
	},
	{
		Name: "funnel with conditions on steps",
		Events: `
			1 view 2026-01-01T00:00:00Z {"price":5}
			1 buy 2026-01-01T00:01:00Z {"price":5}
			2 view 2026-01-01T00:00:00Z {"price":50}
			2 buy 2026-01-01T00:01:00Z {"price":50}
			3 view 2026-01-01T00:00:00Z {"price":50}
			3 buy 2026-01-01T00:01:00Z {"price":5}`,
		Asks: []Ask{
			{`"kind":"funnel",RANGE,"steps":[{"event":"view","where":[{"property":"price","op":"gte","value":10}]},{"event":"buy","where":[{"property":"price","op":"gte","value":10}]}]`, `
				[1,"view",2,1,1,null,null,null]
				[2,"buy",1,0.5,0.5,60,60,60]`},
			{`"kind":"funnel",RANGE,"filters":[{"property":"price","op":"lt","value":10}],"steps":[{"event":"view"},{"event":"buy"}]`, `
				[1,"view",1,1,1,null,null,null]
				[2,"buy",1,1,1,60,60,60]`},
		},
	},
}
