export function OverviewPage() {
  return <div className="page">OverviewPage</div>;
}
