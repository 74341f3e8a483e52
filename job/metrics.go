package job

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	started  *prometheus.CounterVec
	ended    *prometheus.CounterVec
	attempts *prometheus.CounterVec
	running  *prometheus.GaugeVec
	runs     *prometheus.CounterVec
	bytes    prometheus.Gauge

	filesErased prometheus.Counter
}

func newMetrics(r prometheus.Registerer) metrics {
	m := metrics{
		started: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "touchstone_jobs_started_total",
			Help: "Jobs put in the queue by this process, by kind."}, []string{"kind"}),
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "touchstone_jobs_ended_total",
			Help: "Jobs that ended in this process, by kind and status."}, []string{"kind", "status"}),
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "touchstone_job_attempts_total",
			Help: "Attempts at jobs, by how they ended: done, failed, cancelled, again (a part was away), stopped (with the server), lost (the lease)."}, []string{"end"}),
		running: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "touchstone_jobs_running",
			Help: "Jobs that this process works on, by kind."}, []string{"kind"}),
		runs: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "touchstone_schedule_runs_total",
			Help: "What became of moments at which a schedule was due: started, late, skipped (the last run was under way), refused."}, []string{"what"}),
		bytes: prometheus.NewGauge(prometheus.GaugeOpts{Name: "touchstone_job_files_bytes",
			Help: "Size of the files that jobs have made."}),
		filesErased: prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_job_files_erased_total",
			Help: "Files of jobs that were deleted because they may have held a person who was erased."}),
	}
	if r != nil {
		r.MustRegister(m.started, m.ended, m.attempts, m.running, m.runs, m.bytes, m.filesErased)
	}
	return m
}
