export function SegmentsPage() {
  return <div className="page">SegmentsPage</div>;
}
