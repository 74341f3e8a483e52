export function SourcesPage() {
  return <div className="page">SourcesPage</div>;
}
