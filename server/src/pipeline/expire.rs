//! Removes tracks that ended longer ago than the operator keeps them, and uploads that nobody went on with.

use super::Pipeline;
use crate::clock::now_ms;
use crate::problem::Problem;
use std::sync::Arc;
use std::time::Duration;

/// How often it looks.
const CHECK_INTERVAL: Duration = Duration::from_secs(60);
const HOUR_MS: i64 = 3_600_000;

impl Pipeline {
    pub(super) async fn expire_loop(self: Arc<Self>) {
        loop {
            if let Err(problem) = self.expire_uploads().await {
                tracing::warn!(error = %problem, "unfinished uploads could not be removed");
            }
            if let Err(error) = self.store.expire_usage(now_ms()).await {
                tracing::warn!(%error, "old usage could not be removed");
            }
            if let Err(problem) = self.expire_nodes().await {
                tracing::warn!(error = %problem, "workers of long ago could not be forgotten");
            }
            if let Err(problem) = self.expire_deliveries().await {
                tracing::warn!(error = %problem, "old messages could not be removed");
            }
            if let Some(hours) = self.keep_hours()
                && let Err(problem) = self.expire(now_ms() - i64::from(hours) * HOUR_MS).await
            {
                tracing::warn!(error = %problem, "old tracks could not be removed");
            }
            tokio::time::sleep(CHECK_INTERVAL).await;
        }
    }

    async fn expire(&self, before_ms: i64) -> Result<(), Problem> {
        for id in self.store.ended_before(before_ms).await? {
            self.delete(&id).await?;
        }
        Ok(())
    }
}
