//! Workers as they are remembered, and the operator's orders to them.

use super::Pipeline;
use crate::clock::now_ms;
use crate::problem::Problem;
use karaoke_core::WorkerId;
use karaoke_core::presence::{Notice, Order, OrderKind};
use std::sync::Arc;
use std::time::Duration;

/// How often what is remembered is written: a server that is killed forgets so much of it.
const WRITE_INTERVAL: Duration = Duration::from_secs(2);
/// Workers that were silent for so long are forgotten.
const REMEMBERED_MS: i64 = 90 * 86_400_000;

impl Pipeline {
    pub(super) async fn nodes_loop(self: Arc<Self>) {
        loop {
            tokio::time::sleep(WRITE_INTERVAL).await;
            self.keep_nodes().await;
        }
    }

    /// Writes what is remembered of workers and is not in the database yet.
    pub(super) async fn keep_nodes(&self) {
        let changed = self.registry.take_changed();
        if changed.is_empty() {
            return;
        }
        if let Err(error) = self.store.keep_workers(&changed).await {
            tracing::warn!(%error, "what is known of workers cannot be kept");
            self.registry.put_back(&changed);
        }
    }

    pub(super) async fn expire_nodes(&self) -> Result<(), Problem> {
        let before_ms = now_ms() - REMEMBERED_MS;
        self.registry.forget_before(before_ms);
        Ok(self.store.forget_workers(before_ms).await?)
    }

    /// Orders a worker to do something; 404 when nobody of that name was ever heard of.
    pub async fn order_worker(&self, worker: &WorkerId, kind: OrderKind) -> Result<(), Problem> {
        if !self.registry.set_wanted(worker, kind) {
            return Err(Problem::new(
                404,
                "No such worker",
                "There is no worker of that name; see /api/v1/workers.",
            ));
        }
        tracing::info!(worker = worker.as_str(), order = kind.name(), "the operator orders a worker");
        self.keep_nodes().await;
        self.send_order(worker, kind);
        Ok(())
    }

    pub(super) fn send_order(&self, worker: &WorkerId, kind: OrderKind) {
        // 53 bits: readers of JSON that know only doubles see the same number.
        let order = Order { number: rand::random::<u64>() >> 11, kind };
        self.notify(Notice::Ordered { worker: worker.clone(), order });
    }
}
