export function SegmentPage() {
  return <div className="page">SegmentPage</div>;
}
